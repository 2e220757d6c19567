"""`handrail up`: everything on one machine."""

import asyncio
from pathlib import Path

import click

from handrail.cli.errors import explained
from handrail.private import keep_private


@click.command()
@click.option(
    "--bootstrap",
    metavar="HOST:PORT",
    help="Your own Kafka's address; several with commas. [default: an embedded broker at 127.0.0.1:9092]",
)
@click.option(
    "--embedded/--no-embedded",
    default=None,
    help="Start the embedded broker, at the address of --bootstrap (127.0.0.1:PORT). [default: where none is given]",
)
@click.option(
    "--policies",
    type=click.Path(path_type=Path, exists=True),
    help="Folder of policy files; published and activated where it is not active yet. Without it the active ones hold.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database, its snapshot and the logs. [default: handrail-data]",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign decisions with the key in this file. [default: DATA/signing.key, made on the first start]",
)
@click.option("--workers", type=int, metavar="N", help="How many decide; at most as many as partitions. [default: 1]")
@click.option(
    "--http-port",
    type=int,
    metavar="PORT",
    help="/metrics, /healthz and /readyz of the sink on 127.0.0.1:PORT, of worker n on PORT + n; 0: none. "
    "[default: 9464]",
)
@click.option(
    "--desk-port",
    type=int,
    metavar="PORT",
    help="The desk, where people work what agents hand over, is at http://127.0.0.1:PORT; 0: none. [default: 9470]",
)
@click.option(
    "--session-timeout-s",
    type=float,
    metavar="SECONDS",
    help="A worker silent for so long has lost its partitions; brokers want 6. [default: 10; embedded: 6]",
)
@explained
def up(
    bootstrap: str | None,
    embedded: bool | None,
    policies: Path | None,
    data: Path | None,
    key: Path | None,
    workers: int | None,
    http_port: int | None,
    desk_port: int | None,
    session_timeout_s: float | None,
) -> None:
    """Run everything on this machine: a broker, topics, workers, the sink and the desk.

    Prints one line `ready …` when all is up. What ends is started again, with a line that says why; what ends six times
    within a minute ends everything, with status 1; so does a broker that has not answered for five minutes. SIGTERM or
    Ctrl-C ends it in good order, within a minute; a second Ctrl-C ends it at once. Logs are in DATA/logs.

    The embedded broker keeps its log in memory: when it ends, conversations are forgotten; DuckDB keeps what was
    stored. With --bootstrap, the next start goes on where this one ended.

    \b
    Examples:
      handrail up
      handrail up --policies policies/packs --workers 2
      handrail up --bootstrap kafka-1:9092,kafka-2:9092 --data /var/lib/handrail
    """
    from handrail.supervisor.settings import UpSettings
    from handrail.supervisor.terminal import Progress
    from handrail.supervisor.up import run

    settings = UpSettings.of(
        {
            "bootstrap": bootstrap,
            "embedded": embedded,
            "policies": policies,
            "data": data,
            "key": key,
            "workers": workers,
            "http_port": http_port,
            "desk_port": desk_port,
            "session_timeout_s": session_timeout_s,
        }
    )
    keep_private()
    asyncio.run(run(settings, click.echo, Progress()))
