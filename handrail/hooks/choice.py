"""Which records go to which hook. Pure."""

from collections.abc import Mapping
from typing import Any

from handrail.hooks.config import Hook
from handrail.schemas.decode import decode_output, decode_resolution
from handrail.schemas.errors import SchemaError
from handrail.schemas.topics import ALERTS, HANDOFFS, RESOLUTIONS

TOPICS = (ALERTS, HANDOFFS, RESOLUTIONS)

_KINDS = {
    "handrail.handoff.closed.v1": "handoff.closed",
    "handrail.handoff.claimed.v1": "handoff.claimed",
    "handrail.resolution.v1": "resolution",
    "handrail.alert.v1": "alert",
}


def read(topic: str, key: bytes | None, value: bytes | None) -> Mapping[str, Any] | None:
    """The CloudEvent of a record; None where it is none of the contract's: a worker refuses it too, and says so."""
    try:
        event = (decode_resolution if topic == RESOLUTIONS else decode_output)(value).raw
    except SchemaError:
        return None
    return None if topic == RESOLUTIONS and key != event["subject"].encode() else event


def kind_of(event: Mapping[str, Any]) -> str:
    """What hooks.yaml calls it."""
    if event["type"] == "handrail.handoff.v1":
        data = event["data"]
        if data.get("since") is not None:
            return "handoff.updated"
        return "handoff.opened" if data["revision"] == 1 else "handoff.revised"
    return _KINDS.get(event["type"], "")


def wanted(hook: Hook, event: Mapping[str, Any]) -> bool:
    """Whether the hook asks for it. A record without a queue or kind of its own is judged by what it has."""
    data = event["data"]
    if kind_of(event) not in hook.records:
        return False
    if hook.queues and data.get("queue") is not None and data["queue"] not in hook.queues:
        return False
    return not (hook.kinds and data.get("kind") is not None and data["kind"] not in hook.kinds)
