"""`handrail export`: conversations out of the topics, as files."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from handrail import printable
from handrail.cli.errors import NO, explained, warn
from handrail.schemas.errors import ConfigError
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DECISIONS, HANDOFFS, RESOLUTIONS

if TYPE_CHECKING:
    from handrail.audit.export import Export


@click.command()
@click.argument("conversations", metavar="[CONVERSATION]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every conversation.")
@click.option(
    "--topic",
    type=click.Choice([AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS, ALERTS]),
    default=AGENT_EVENTS,
    show_default=True,
    metavar="NAME",
    help=f"Also {DECISIONS}, {HANDOFFS}, {RESOLUTIONS}, {ALERTS}.",
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write the policy bundles that decided into this folder, each in one named by its hash.",
)
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
@explained
def export(
    conversations: tuple[str, ...], everything: bool, topic: str, bundle: Path | None, bootstrap: str | None
) -> None:
    """Print the records of conversations as CloudEvents, one JSON line each, in the order of the log.

    Each line is the record as it came, with its place: logpartition, logoffset, logtime. Of the events, the control
    records of the same partition come along (activations, modes, ticks and the like), for they decide too; where
    another conversation's record let a deadline pass, a tick stands in its place. So `handrail replay` gives the
    decisions that the worker gave, with their ids. The first line of a partition stands where its log began.

    The rules that decided are named in the log by their hash; --bundle DIR writes them out, and --policies DIR of
    replay and verify takes that folder. What is no JSON is left out and counted: see `handrail deadletters`.

    \b
    Examples:
      handrail export conv-8841 --bundle as-decided > conv-8841.jsonl
      handrail replay conv-8841.jsonl --policies as-decided
      handrail export conv-8841 --topic human.handoffs.v1 | jq .data.reason
      handrail export --all > log.jsonl
    """
    from handrail.audit.export import Export
    from handrail.audit.settings import AuditSettings

    if everything == bool(conversations):
        raise ConfigError("handrail export: name conversations, or give --all")
    if bundle is not None and topic != AGENT_EVENTS:
        raise ConfigError(f"handrail export: --bundle goes with {AGENT_EVENTS}, which says what decided")
    settings = AuditSettings.of({"bootstrap": bootstrap})
    request = Export(settings.bootstrap, None if everything else frozenset(conversations))
    asyncio.run(_print(request, topic, bundle))
    _report(request)
    if absent := [name for name in conversations if name not in request.counts.conversations]:
        for name in absent:
            warn(f"{name}: no record of it on {topic}")
        raise SystemExit(NO)


async def _print(request: "Export", topic: str, bundle: Path | None) -> None:
    async for line in request.lines(topic):
        # On a terminal as JSON writes it; into a file or a pipe byte for byte.
        shown = printable.escaped(line.decode(errors="backslashreplace")).encode() if sys.stdout.isatty() else line
        sys.stdout.buffer.write(shown + b"\n")
    sys.stdout.buffer.flush()
    if bundle is not None:
        for folder in await request.write_bundles(bundle):
            click.echo(f"bundle in {folder}", err=True)


def _report(request: "Export") -> None:
    counts = request.counts
    parts = [f"{counts.records:,} record{'' if counts.records == 1 else 's'}"]
    parts += [f"{counts.controls:,} of controls"] if counts.controls else []
    parts += [f"{counts.ticks:,} tick{'' if counts.ticks == 1 else 's'} in the place of others"] if counts.ticks else []
    parts += [f"left out: {counts.unreadable:,} that are no JSON object"] if counts.unreadable else []
    parts += [f"{counts.refused:,} with a wrong key or partition, which decided nothing"] if counts.refused else []
    click.echo(", ".join(parts), err=True)
    if request.cut:
        where = ", ".join(f"[{number}] at offset {offset}" for number, offset in sorted(request.cut.items()))
        click.echo(
            f"starts in the middle: {where}: what was before is gone, so a replay may decide "
            "otherwise; `handrail verify` begins at the first daily snapshot",
            err=True,
        )
    for error in counts.broken:
        warn(f"{error.place}: broken code; ticks may be missing behind it")
    for ruleset in sorted(counts.unknown):
        click.echo(f"{ruleset} was active and is not on the topic of bundles: ticks may be missing", err=True)
