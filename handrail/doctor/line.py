"""The result of one check in one line, and how people and programs see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import click
import orjson

from handrail import printable

Status = Literal["ok", "warn", "wrong"]
COLOURS = {"ok": "green", "warn": "yellow", "wrong": "red"}
WIDTH = max(map(len, COLOURS))


@dataclass(frozen=True, slots=True)
class Line:
    """`what` was looked at, the result (`message`), and how to repair it where that is needed (`remedy`)."""

    status: Status
    what: str
    message: str
    remedy: str = ""


def ok(what: str, message: str, remedy: str = "") -> Line:
    """As it should be; `remedy` may say what would be better still."""
    return Line("ok", what, message, remedy)


def warn(what: str, message: str, remedy: str) -> Line:
    """It works, but somebody should know."""
    return Line("warn", what, message, remedy)


def wrong(what: str, message: str, remedy: str) -> Line:
    """It does not work, or not as promised."""
    return Line("wrong", what, message, remedy)


def as_text(line: Line) -> str:
    """The status and the message; the remedy on a second line."""
    word = click.style(f"{line.status:<{WIDTH}}", fg=COLOURS[line.status])
    remedy = f"\n{'':<{WIDTH}}  -> {printable.plain(line.remedy)}" if line.remedy else ""
    return f"{word}  {printable.plain(line.what)}: {printable.plain(line.message)}{remedy}"


def verdict(lines: Sequence[Line]) -> str:
    """The last line: how many lines are wrong or to look at."""
    count = {status: sum(line.status == status for line in lines) for status in COLOURS}
    if not count["wrong"]:
        return f"nothing is wrong, {count['warn']} to look at" if count["warn"] else "nothing is wrong"
    return f"{count['wrong']} wrong, {count['warn']} to look at"


def as_json(lines: Sequence[Line]) -> bytes:
    """One JSON object; its names are those of `handrail doctor --json`."""
    report = {"ok": all(line.status != "wrong" for line in lines), "lines": list(map(_as_object, lines))}
    return orjson.dumps(report, option=orjson.OPT_INDENT_2)


def _as_object(line: Line) -> dict[str, str]:
    return {"status": line.status, "what": line.what, "told": line.message, "mend": line.remedy}
