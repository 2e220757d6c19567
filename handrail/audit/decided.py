"""A decision as it lies on a topic, and what tells it apart from all others. Pure."""

from typing import Any, NamedTuple

import orjson

Key = tuple[int, str, str, str, str]
"""(offset of the record that caused it, conversation, source and id of the event it answers, kind)"""


class Decided(NamedTuple):
    """One record of the decisions: `partition` and `offset` say where it lies, the offset -1 where nobody knows."""

    partition: int
    offset: int
    value: bytes | None


def read(value: bytes | None) -> dict[str, Any] | None:
    """The CloudEvent; None for what is none."""
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def key_of(event: dict[str, Any] | None) -> Key | None:
    """What the decision answers; None for what is no decision."""
    try:
        data = (event or {})["data"]
        answered, offset = data["for"], data["position"]["offset"]
        named = ((event or {})["subject"], answered["source"], answered["id"], data["kind"])
    except (KeyError, TypeError):
        return None
    plain = isinstance(offset, int) and not isinstance(offset, bool) and all(isinstance(one, str) for one in named)
    return (offset, *named) if plain else None


def partition_of(event: dict[str, Any]) -> Any:
    """The partition that a decision with a key says it belongs to."""
    return event["data"]["position"].get("partition")
