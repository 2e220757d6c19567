"""`handrail hooks`: webhooks out, ticket systems in."""

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
    "--hooks",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file that names hooks and sources. [default: hooks.yaml]",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign what sources say with the key in this file; needed where keys.yaml names keys for resolutions.",
)
@click.option("--group", help="Consumer groups are GROUP.NAME, one a hook. [default: handrail-hooks]")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Where sources send to; put a proxy with TLS before it. [default: 127.0.0.1:8090]",
)
@click.option(
    "--session-timeout-s",
    type=float,
    metavar="SECONDS",
    help="A process silent for so long has lost its partitions; most brokers want 6. [default: 10]",
)
@click.option(
    "--http",
    metavar="HOST:PORT",
    help="Serve /metrics, /healthz and /readyz there, to anyone; a port alone: on 127.0.0.1 only. [default: off]",
)
@click.option("--check", is_flag=True, help="Only read the file and what it names, and say what it means.")
@explained
def hooks(
    bootstrap: str | None,
    hooks: Path | None,
    key: Path | None,
    group: str | None,
    listen: str | None,
    session_timeout_s: float | None,
    http: str | None,
    check: bool,
) -> None:
    """Send handoffs, alerts and answers to other systems, and take answers from them.

    Each hook gets signed requests (Standard Webhooks), at least once and in order for each conversation; what fails is
    tried again, and becomes a dead letter when it is given up. Each source may POST to /in/NAME. Prints one line
    `ready …` and runs until SIGTERM; it may be killed at any time.

    \b
    Example:
      handrail hooks --hooks hooks.yaml --key handrail-data/signing.key
    """
    from handrail.hooks.run import HooksSettings, describe, run

    given = {"bootstrap": bootstrap, "hooks": hooks, "key": key, "hooks_group": group, "hooks_listen": listen}
    settings = HooksSettings.of({**given, "session_timeout_s": session_timeout_s, "http": http})
    if check:
        for line in describe(settings.hooks):
            click.echo(line)
        return
    keep_private()
    asyncio.run(run(settings, say, warn))
