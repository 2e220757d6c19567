"""Dead letters, and the error where the code fails: what becomes of a record that could not be read or folded.

A dead letter has the record byte for byte, with where it came from and one line why.
"""

from typing import Any

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.decode import decode, decode_resolution
from handrail.schemas.envelope import UNREAD
from handrail.schemas.errors import FoldError
from handrail.schemas.record import Output, Record
from handrail.schemas.topics import DEADLETTERS, RESOLUTIONS

REASON_MAX = 500
WHY_MAX = 200  # characters of what an exception says
REDRIVEN_FROM = "handrail-redriven-from"  # on a redriven record: the dead letter it was
FIRST_PLACE = "handrail-first-place"  # on a redriven record: where it lay at first
REDRIVEN_TO = "handrail-redriven-to"  # on a note, which lies beside the dead letters: where one of them went

ADDED = ("topic", "partition", "offset", "reason", "at", "key", "null")
OWN = frozenset({*(f"handrail-{name}" for name in ADDED), REDRIVEN_TO, UNREAD})
"""The headers that a record cannot bring along; all others its dead letter has too."""


def unread(record: Record, why: str) -> str:
    """Why nobody could read it: of a record that stands for a whole batch, what is wrong with that one."""
    for name, value in record.headers:
        if name == UNREAD and value:
            return value.decode(errors="replace")
    return why


def letter(record: Record, reason: str, now_ms: int) -> Output:
    """The dead letter of a record; its key is the source partition."""
    line = " ".join(reason.split())[:REASON_MAX]
    headers = {
        "handrail-topic": record.topic,
        "handrail-partition": str(record.partition),
        "handrail-offset": str(record.offset),
        "handrail-reason": line,
        "handrail-at": to_rfc3339(now_ms),
    }
    written = [(name, value.encode()) for name, value in headers.items()]
    if record.key is not None:
        written.append(("handrail-key", record.key))
    if record.value is None:
        written.append(("handrail-null", b"true"))
    written += [(name, value) for name, value in record.headers if name not in OWN]
    key = f"{record.topic}/{record.partition}".encode()
    return Output(DEADLETTERS, key, record.value or b"", tuple(written))


def place(topic: str, partition: int | str, offset: int | str) -> str:
    """`agent.events.v1[2]@17`, as headers name a place on the log."""
    return f"{topic}[{partition}]@{offset}"


def fold_error(record: Record, error: Exception, settling: str | None = None) -> FoldError:
    """The error to be raised: `error` is its cause (set here, since compiled code passes over `from`).

    `settling` is the conversation whose time had come with the record, None where it was the record's own turn: the one
    that was worked on is the one to be replayed.
    """
    own = "nobody" if record.key is None else record.key[:WHY_MAX].decode(errors="backslashreplace")
    raw = _decoded(record)
    what = f"event {raw['id']!r} of {raw['source']!r}" if raw is not None else "an event that was not read"
    concerned = settling or own
    whose = f"conversation {concerned!r}" + (f", whose time came with one of {own!r}" if concerned != own else "")
    why = " ".join(f"{type(error).__name__}: {error}".split())[:WHY_MAX]
    place = f"{record.topic}[{record.partition}] offset {record.offset}: {what}, {whose}: {why}"
    alone = concerned.isprintable() and concerned != CONTROL_KEY and record.key is not None
    broken = FoldError(place, record.offset, concerned if alone else None)
    broken.__cause__ = error
    return broken


def _decoded(record: Record) -> dict[str, Any] | None:
    """What the record says, where that can be read at all."""
    try:
        return (decode_resolution if record.topic == RESOLUTIONS else decode)(record.value).raw
    except Exception:
        return None
