"""`handrail replay`: the fold over a file, no broker."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from handrail.cli.errors import explained


@click.command()
@click.argument("events", type=click.Path(dir_okay=False, allow_dash=True, exists=True))
@click.option(
    "--policies",
    type=click.Path(path_type=Path),
    help="Folder of policy files. Without it only the built-in limits and routes hold.",
)
@explained
def replay(events: str, policies: Path | None) -> None:
    """Fold a file of CloudEvents and print every decision, handoff, alert and dead letter.

    EVENTS has one CloudEvent in JSON a line; `-` reads standard input. Each output record is one JSON line. The same
    file and policies always give the same bytes. No broker is needed.

    \b
    Example:
      handrail import tau conversations.json.gz | handrail replay - --policies policies/packs
    """
    from handrail.policies import load_bundle
    from handrail.streams.governor.replay import replay as fold

    bundle = load_bundle(policies)
    with click.open_file(events, "rb") as lines:
        for output in fold(_lines(lines), bundle, notice):
            sys.stdout.buffer.write(orjson.dumps(output, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def _lines(source: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    return (line.rstrip(b"\r\n") for line in source)


def notice(line: str) -> None:
    """Tell the person at the terminal, beside the results."""
    click.echo(line, err=True)
