"""A record as a line of an exported file: its own bytes, and where it lay on the log. Pure."""

from typing import Any

import orjson

from handrail.audit.decided import read
from handrail.schemas.clock import to_rfc3339
from handrail.streams.governor.replay import PLACE, unplaced


def line_of(value: bytes | None, partition: int, offset: int, at_ms: int) -> bytes | None:
    """The record's JSON in one line with `logpartition`, `logoffset`, `logtime`; None where it is no JSON object.

    Its bytes stay as they are, so that what a reader would refuse in them is still there to be refused.
    """
    raw = read(value)
    if raw is None or value is None:
        return None
    place = dict(zip(PLACE, (partition, offset, to_rfc3339(at_ms)), strict=True))
    if any(name in raw for name in PLACE):  # exported before, and published again
        return orjson.dumps(unplaced(raw) | place)
    flat = value.translate(None, b"\r\n").strip()  # JSON has no line ends inside its strings
    return flat[:-1] + (b"," if raw else b"") + orjson.dumps(place)[1:]


def place_of(raw: dict[str, Any]) -> tuple[int | None, int | None]:
    """(partition, offset) of an exported line, each None where it does not say."""
    partition, offset = (raw.get(name) for name in PLACE[:2])
    return _count(partition), _count(offset)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
