"""`handrail sink`: everything on the log, in DuckDB."""

import asyncio
from pathlib import Path

import click

from handrail.cli.errors import explained


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
@explained
def sink(bootstrap: str | None, data: Path | None, snapshot_s: float | None) -> None:
    """Store events, decisions, handoffs and the rest for analysis.

    Makes the topics that are missing, prints one line `ready …`, and runs until SIGTERM. It may be killed at any time:
    the rows are exactly the log. Ask them with `handrail query`, also while the sink runs.

    \b
    Example:
      handrail sink --bootstrap 127.0.0.1:9092 --data handrail-data
    """
    from handrail.streams.process import quiet_logs
    from handrail.streams.sink.settings import SinkSettings
    from handrail.streams.sink.sink import run

    settings = SinkSettings.of({"bootstrap": bootstrap, "data": data, "snapshot_s": snapshot_s})
    quiet_logs()
    asyncio.run(run(settings, click.echo, lambda line: click.echo(line, err=True)))
