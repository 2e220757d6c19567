"""`handrail replay`: the fold over a file, no broker."""

import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from handrail.cli.errors import WRONG_USE, explained, fail
from handrail.schemas.errors import FoldError


@click.command()
@click.argument("events", type=click.Path(dir_okay=False, allow_dash=True, exists=True))
@click.option(
    "--policies",
    type=click.Path(path_type=Path),
    help="Folder of policy files, or the one that `handrail export --bundle` wrote. Without it only the built-in "
    "limits and routes hold.",
)
@click.option(
    "--traceback", "traced", is_flag=True, help="Where the code of the fold fails on a record, show where in it."
)
@explained
def replay(events: str, policies: Path | None, traced: bool) -> None:
    """Fold a file of CloudEvents and print every decision, handoff, alert and dead letter.

    EVENTS has one CloudEvent in JSON a line; `-` reads standard input. Each output record is one JSON line. The same
    file and policies always give the same bytes. No broker is needed.

    A file of `handrail export` says where each record lay and when (logpartition, logoffset, logtime): with the bundles
    of the export it gives the decisions that the worker gave, with their ids. Without these, records are numbered in
    their order, and their time is `time`.

    Imported history counts as such only where agents.yaml names its source (`recorded_sources`), here as in a worker:
    nothing outside the bundle changes a decision.

    Where the fold's own code fails on a record, its place is the last line on standard error, and the exit status is 2.

    \b
    Examples:
      handrail import tau conversations.json.gz | handrail replay - --policies policies
      handrail export conv-8841 --bundle as-decided > conv-8841.jsonl
      handrail replay conv-8841.jsonl --policies as-decided
    """
    from handrail.audit.rules import load_rules
    from handrail.streams.governor.replay import replay as fold

    rules = load_rules(policies)
    try:
        with click.open_file(events, "rb") as lines:
            for output in fold(_lines(lines), rules.bundles, rules.ruleset, notice):
                sys.stdout.buffer.write(orjson.dumps(output, option=orjson.OPT_APPEND_NEWLINE))
    except FoldError as broken:
        if traced:
            traceback.print_exception(broken.__cause__)
        fail(f"{broken.place}: broken code, not bad data" + ("" if traced else ": --traceback shows where"), WRONG_USE)
    finally:
        sys.stdout.buffer.flush()


def _lines(source: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    return (line.rstrip(b"\r\n") for line in source)


def notice(line: str) -> None:
    """Print a line for the person at the terminal; results go to standard output."""
    click.echo(line, err=True)
