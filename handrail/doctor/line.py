"""What one check found, in one line."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "wrong"]


@dataclass(frozen=True, slots=True)
class Line:
    """`what` was looked at, what was found (`told`), and how to `mend` it where it should be mended."""

    status: Status
    what: str
    told: str
    mend: str = ""


def ok(what: str, told: str, mend: str = "") -> Line:
    """As it should be; `mend` may say what would be better still."""
    return Line("ok", what, told, mend)


def warn(what: str, told: str, mend: str) -> Line:
    """It works, but somebody should know."""
    return Line("warn", what, told, mend)


def wrong(what: str, told: str, mend: str) -> Line:
    """It does not work, or not as promised."""
    return Line("wrong", what, told, mend)
