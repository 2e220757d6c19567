"""`handrail worker`: the governor, in the foreground."""

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
    "--policies",
    type=click.Path(path_type=Path, exists=True),
    help="Folder of policy files; published and activated where it is not active yet. Without it the active ones hold.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign decisions with the key in this file (`handrail keys new`). [default: they are not signed]",
)
@click.option("--group", help="Consumer group that the workers share. [default: handrail]")
@click.option(
    "--session-timeout-s",
    type=float,
    metavar="SECONDS",
    help="A worker silent for so long has lost its partitions; most brokers want 6. [default: 10]",
)
@click.option(
    "--standbys",
    type=int,
    metavar="COUNT",
    help="How many other workers read the states of each partition along, to take it over at once. [default: 1]",
)
@click.option(
    "--http",
    metavar="HOST:PORT",
    help="Serve /metrics, /healthz and /readyz there, to anyone; a port alone: on 127.0.0.1 only. [default: off]",
)
@explained
def worker(
    bootstrap: str | None,
    policies: Path | None,
    key: Path | None,
    group: str | None,
    session_timeout_s: float | None,
    standbys: int | None,
    http: str | None,
) -> None:
    """Govern the events on Kafka: decide, hand off, and keep what is needed to carry on.

    Makes the topics that are missing, prints one line `ready …` when its partitions are governed, and runs until
    SIGTERM. Start as many as there are partitions; each takes its share. Options can also be set as HANDRAIL_BOOTSTRAP
    and so on in the environment, or in handrail.yaml.

    \b
    Example:
      handrail worker --bootstrap 127.0.0.1:9092 --policies policies/packs
    """
    from handrail.streams.engine.settings import WorkerSettings
    from handrail.streams.engine.worker import run

    settings = WorkerSettings.of(
        {
            "bootstrap": bootstrap,
            "policies": policies,
            "key": key,
            "group": group,
            "session_timeout_s": session_timeout_s,
            "standbys": standbys,
            "http": http,
        }
    )
    keep_private()
    asyncio.run(run(settings, say, warn))
