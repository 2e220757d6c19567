"""An exception of the fold's own code, as one that names the record it happened on."""

from typing import Any

from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.decode import decode, decode_resolution
from handrail.schemas.errors import FoldError
from handrail.schemas.record import Record
from handrail.schemas.topics import RESOLUTIONS

WHY_MAX = 200  # characters of what the exception says


def broken(record: Record, error: Exception, settling: str | None = None) -> FoldError:
    """The error to be raised: `error` is its cause (set here, since compiled code passes over `from`).

    `settling` is the conversation whose time had come with the record, None where it was the record's own turn: the one
    that was worked on is the one to be replayed.
    """
    own = "nobody" if record.key is None else record.key[:WHY_MAX].decode(errors="backslashreplace")
    raw = _said(record)
    what = f"event {raw['id']!r} of {raw['source']!r}" if raw is not None else "an event that was not read"
    concerned = settling or own
    whose = f"conversation {concerned!r}" + (f", whose time came with one of {own!r}" if concerned != own else "")
    why = " ".join(f"{type(error).__name__}: {error}".split())[:WHY_MAX]
    place = f"{record.topic}[{record.partition}] offset {record.offset}: {what}, {whose}: {why}"
    alone = concerned.isprintable() and concerned != CONTROL_KEY and record.key is not None
    found = FoldError(place, record.offset, concerned if alone else None)
    found.__cause__ = error
    return found


def _said(record: Record) -> dict[str, Any] | None:
    """What the record says, where that can be read at all."""
    try:
        return (decode_resolution if record.topic == RESOLUTIONS else decode)(record.value).raw
    except Exception:
        return None
