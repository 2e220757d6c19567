"""The lines for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict

import click
import orjson

from handrail import printable
from handrail.doctor.line import Line

COLOURS = {"ok": "green", "warn": "yellow", "wrong": "red"}
WIDTH = max(map(len, COLOURS))


def text(line: Line) -> str:
    """The status, what was found, and in a second line how to mend it."""
    word = click.style(f"{line.status:<{WIDTH}}", fg=COLOURS[line.status])
    mend = f"\n{'':<{WIDTH}}  -> {printable.plain(line.mend)}" if line.mend else ""
    return f"{word}  {printable.plain(line.what)}: {printable.plain(line.told)}{mend}"


def verdict(lines: Sequence[Line]) -> str:
    """The last line."""
    count = {status: sum(line.status == status for line in lines) for status in COLOURS}
    if not count["wrong"]:
        return f"nothing is wrong, {count['warn']} to look at" if count["warn"] else "nothing is wrong"
    return f"{count['wrong']} wrong, {count['warn']} to look at"


def json(lines: Sequence[Line]) -> bytes:
    """All of it as one object."""
    found = {"ok": all(line.status != "wrong" for line in lines), "lines": [asdict(line) for line in lines]}
    return orjson.dumps(found, option=orjson.OPT_INDENT_2)
