"""`handrail sink`: everything on the log, in DuckDB."""

import asyncio
from pathlib import Path

import click

from handrail.cli.errors import explained, say, warn
from handrail.private import keep_private


@click.command()
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database and its snapshot. [default: handrail-data]",
)
@click.option(
    "--snapshot-s",
    type=float,
    metavar="SECONDS",
    help="How often a snapshot for readers is taken, when something has changed. [default: 10]",
)
@click.option(
    "--http",
    metavar="HOST:PORT",
    help="Serve /metrics, /healthz and /readyz there, to anyone; a port alone: on 127.0.0.1 only. [default: off]",
)
@click.option(
    "--live/--no-live",
    default=None,
    help="Let others on this machine read the database while it is written; `handrail query` does. [default: live]",
)
@click.option(
    "--live-address",
    metavar="HOST:PORT",
    help="Where they find it; the folder's handrail.live.json says so, with a token. [default: 127.0.0.1, a free port]",
)
@explained
def sink(
    bootstrap: str | None,
    data: Path | None,
    snapshot_s: float | None,
    http: str | None,
    live: bool | None,
    live_address: str | None,
) -> None:
    """Store events, decisions, handoffs and the rest for analysis.

    Makes the topics that are missing, prints one line `ready …`, and runs until SIGTERM. It may be killed at any time:
    the rows are exactly the log. Ask them with `handrail query`, also while the sink runs.

    \b
    Example:
      handrail sink --bootstrap 127.0.0.1:9092 --data handrail-data
    """
    from handrail.streams.sink.settings import SinkSettings
    from handrail.streams.sink.sink import run

    given = {"bootstrap": bootstrap, "data": data, "snapshot_s": snapshot_s, "http": http}
    settings = SinkSettings.of({**given, "live": live, "live_address": live_address})
    keep_private()
    asyncio.run(run(settings, say, warn))
