"""`handrail forget`: take a customer out of the analytics database and the workers' states, and keep them out."""

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from handrail.cli.errors import NO, explained
from handrail.private import keep_private

if TYPE_CHECKING:
    from handrail.streams.engine.settings import WorkerSettings
    from handrail.streams.sink.erase import Erased

DAY_MS = 24 * 60 * 60 * 1000


@click.command()
@click.argument("customer_ref")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database, as given to the sink. [default: handrail-data]",
)
@click.option("--tenant", metavar="NAME", help="Only the customer of this tenant. [default: of every tenant]")
@click.option(
    "--wait-s",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a running sink may take.",
)
@click.option(
    "--bootstrap",
    metavar="HOST:PORT",
    help="Kafka's address: the workers forget what was said. [default: that of the settings; without one, they do not]",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key that signs it, where the bundle names keys.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@explained
def forget(
    customer_ref: str,
    data: Path | None,
    tenant: str | None,
    wait_s: float,
    bootstrap: str | None,
    key: Path | None,
    as_json: bool,
) -> None:
    """Remove a customer from the database and its snapshot, and keep them out.

    CUSTOMER_REF is `customer.ref` as agents gave it. Every conversation in which it was named goes, from every table,
    and the files are written anew, so that nothing of it lies in them. A running sink does it itself, in between two
    batches. When the log is read again, records up to now stay out; who comes back later is a customer like any other.
    Running it twice does no harm.

    Where an address of Kafka is set, the workers drop what was said in these conversations from their states, at once;
    what was decided against them stays, without words. The events on Kafka stay until its retention ends: standard
    error says when.

    \b
    Examples:
      handrail forget cust-17 --bootstrap 127.0.0.1:9092
      handrail forget cust-17 --tenant shop --data /srv/handrail --json
    """
    from handrail.streams.engine.settings import WorkerSettings
    from handrail.streams.sink.erase import erase
    from handrail.streams.sink.settings import SinkSettings

    keep_private()
    workers = WorkerSettings.of({"bootstrap": bootstrap, "key": key})
    erased = erase(SinkSettings.of({"data": data}).data, customer_ref, tenant, wait_s)
    if as_json:
        click.echo(orjson.dumps({**erased._asdict(), "kafka_days": dict(_retention_days())}))
    else:
        _show(erased)
    _notify_workers(erased.conversations, workers)
    for line in _remains():
        click.echo(line, err=True)
    if not erased.clean:
        click.echo("a query that runs keeps the old file or snapshot: run this again when it has ended", err=True)
        raise SystemExit(NO)


def _notify_workers(conversations: list[str], settings: "WorkerSettings") -> None:
    """Let the workers drop the words from their states; without a broker, print the command that does it later."""
    from handrail.schemas.errors import ConfigError
    from handrail.streams.engine.publish_control import forget as forget_on_workers
    from handrail.streams.keys import key_of

    if not conversations:
        return
    later = f"handrail control forget {shlex.join(conversations)}"
    if "bootstrap" not in settings.model_fields_set:
        click.echo(f"still in the states of the workers, until they are told: {later}", err=True)
        return
    try:
        asyncio.run(forget_on_workers(settings.bootstrap, conversations, {"reason": "forgotten"}, key_of(settings.key)))
    except ConfigError as error:
        raise ConfigError(f"{error}; the workers were not told: {later}") from None
    click.echo(f"the workers were told of {len(conversations)} conversations", err=True)


def _show(erased: "Erased") -> None:
    counts = dict(erased.removed)
    click.echo(f"{counts.pop('conversations', 0):>8} conversations")
    for table, count in sorted(counts.items()):
        if count:
            click.echo(f"{count:>8} rows of {table}")


def _retention_days() -> list[tuple[str, float | None]]:
    """Days for which each topic with customers' words keeps them, as Handrail makes it; None: by conversation."""
    from handrail.schemas.topics import (
        AGENT_EVENTS,
        ALERTS,
        CATALOGUE,
        DEADLETTERS,
        DECISIONS,
        HANDOFFS,
        RESOLUTIONS,
        STATES,
    )

    names = (AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS, ALERTS, DEADLETTERS, STATES)
    retention = [(name, CATALOGUE[name].retention_ms) for name in names]
    return [(name, None if ms is None else ms / DAY_MS) for name, ms in retention]


def _remains() -> list[str]:
    """What this did not touch, in words."""
    timed = ", ".join(f"{name} {days:.0f} days" for name, days in _retention_days() if days is not None)
    states = ", ".join(name for name, days in _retention_days() if days is None)
    return [
        f"still on Kafka until its retention ends, as Handrail makes the topics: {timed}",
        f"still in {states} until compaction, which follows a day after a conversation has ended at the earliest",
        "exports, backups and what agents keep are not known here",
    ]
