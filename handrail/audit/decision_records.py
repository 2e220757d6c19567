"""Decisions as they lie on their topic or in an exported file, and counts of them. Pure."""

from dataclasses import fields
from typing import Any, NamedTuple, Self

import orjson

from handrail.schemas.clock import to_rfc3339
from handrail.streams.governor.replay import PLACE, unplaced

Key = tuple[int, str, str, str, str]
"""(offset of the record that caused it, conversation, source and id of the event it answers, kind)"""


class DecisionRecord(NamedTuple):
    """One record of the topic of decisions; the offset is -1 where it is not known."""

    partition: int
    offset: int
    value: bytes | None


def parse_event(value: bytes | None) -> dict[str, Any] | None:
    """The CloudEvent as a mapping; None where the bytes are no JSON object."""
    try:
        event = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def key_of(event: dict[str, Any] | None) -> Key | None:
    """What the decision answers; None where the event is no decision."""
    try:
        data = (event or {})["data"]
        answered, offset = data["for"], data["position"]["offset"]
        named = ((event or {})["subject"], answered["source"], answered["id"], data["kind"])
    except (KeyError, TypeError):
        return None
    plain = isinstance(offset, int) and not isinstance(offset, bool) and all(isinstance(part, str) for part in named)
    return (offset, *named) if plain else None


def partition_of(event: dict[str, Any]) -> Any:
    """The partition that a decision with a key says it belongs to."""
    return event["data"]["position"].get("partition")


def exported_line(value: bytes | None, partition: int, offset: int, at_ms: int) -> bytes | None:
    """The record's JSON in one line with `logpartition`, `logoffset`, `logtime`; None where it is no JSON object.

    Its bytes stay as they are, so that what a reader would refuse in them is still there to be refused.
    """
    raw = parse_event(value)
    if raw is None or value is None:
        return None
    place = dict(zip(PLACE, (partition, offset, to_rfc3339(at_ms)), strict=True))
    if any(name in raw for name in PLACE):  # exported before, and published again
        return orjson.dumps(unplaced(raw) | place)
    flat = value.translate(None, b"\r\n").strip()  # JSON has no line ends inside its strings
    return flat[:-1] + (b"," if raw else b"") + orjson.dumps(place)[1:]


def log_place(raw: dict[str, Any]) -> tuple[int | None, int | None]:
    """(partition, offset) of an exported line, each None where it does not say."""
    partition, offset = (raw.get(name) for name in PLACE[:2])
    return _count(partition), _count(offset)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


class Counts:
    """Base of dataclasses of counts: adds them up, and names them in their order."""

    __slots__ = ()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """What is counted."""
        declared: Any = cls
        return tuple(field.name for field in fields(declared))

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in self.names()))
