"""`handrail import`: recorded conversations as events."""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click
import orjson

from handrail.cli.errors import explained
from handrail.schemas.errors import ConfigError


@click.command("import")
@click.argument("format_", metavar="FORMAT", type=click.Choice(["tau"]))
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--publish", is_flag=True, help="Send them to agent.events.v1 instead of printing them.")
@click.option("--bootstrap", metavar="HOST:PORT", envvar="HANDRAIL_BOOTSTRAP", help="The Kafka broker for --publish.")
@explained
def import_(format_: str, paths: tuple[Path, ...], publish: bool, bootstrap: str | None) -> None:
    """Turn recorded conversations into CloudEvents, one JSON line each.

    FORMAT is `tau`: results files of tau-bench and tau2-bench, .json or .json.gz. All events are marked `recorded`:
    nobody waits for their decisions. That counts only where `recorded_sources` in the policies' agents.yaml names
    their source, /import/tau/NAME of the file; else they are judged as if an agent did it all now, with a `bypass`
    alert. The same file always gives the same events.

    \b
    Examples:
      echo 'recorded_sources: [/import/tau/*]' > policies/agents.yaml
      handrail import tau conversations.json.gz | handrail replay - --policies policies
      handrail import tau *.json.gz --publish --bootstrap localhost:9092
    """
    events = _events(paths)
    if not publish:
        _print(events)
    elif bootstrap:
        _publish(bootstrap, events)
    else:
        raise ConfigError("handrail import: --publish needs a broker: add --bootstrap HOST:PORT")


def _events(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    from handrail.importers.tau import events
    from handrail.importers.tau_file import stem_of

    # Conversation ids begin with the file's name, so two files of one name would be taken for each other.
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(stem_of(path), path)
        if other is not path:
            raise ConfigError(f"{path}: has the name of {other}, so their conversations would mix: rename one")
    return chain.from_iterable(events(path) for path in paths)


def _print(events: Iterable[dict[str, Any]]) -> None:
    for event in events:
        sys.stdout.buffer.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def _publish(bootstrap: str, events: Iterable[dict[str, Any]]) -> None:
    from handrail.importers.publish import publish

    def progress(sent: int) -> None:
        click.echo(f"{sent:,} events sent", err=True)

    total = asyncio.run(publish(bootstrap, events, progress))
    click.echo(f"{total:,} events published to {bootstrap}", err=True)
