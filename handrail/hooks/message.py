"""Which records go to which hook, and the webhook that each becomes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from handrail.hooks import template
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
PLAIN = "application/json"
EVENT = "application/cloudevents+json"
BODY_BYTES_MAX = 1_000_000
OURS = frozenset({"content-type", "content-length", "host", "transfer-encoding", "connection"})


def event_of(topic: str, key: bytes | None, value: bytes | None) -> Mapping[str, Any] | None:
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


def is_wanted(hook: Hook, event: Mapping[str, Any]) -> bool:
    """Whether the hook asks for it. A record without a queue or kind of its own is judged by what it has."""
    data = event["data"]
    if kind_of(event) not in hook.records:
        return False
    if hook.queues and data.get("queue") is not None and data["queue"] not in hook.queues:
        return False
    return not (hook.kinds and data.get("kind") is not None and data["kind"] not in hook.kinds)


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the same for the same event, whoever sends it and however often."""

    id: str
    url: str
    body: bytes
    headers: Mapping[str, str]


def message_of(hook: Hook, fixed: Mapping[str, str], event: Mapping[str, Any], value: bytes) -> Message:
    """The webhook of an event; `value` are its bytes on the log, `fixed` the headers that came from files.

    Raises ValueError where its URL cannot be made, or its body is too long.
    """
    body = value if hook.body is None else orjson.dumps(template.filled(hook.body, event))
    if len(body) > BODY_BYTES_MAX:
        raise ValueError(f"body: has {len(body)} bytes, at most {BODY_BYTES_MAX} are sent: name less in its template")
    own = {name: template.header(value, event) for name, value in hook.headers.items() if isinstance(value, str)}
    headers = {name: value for name, value in {**own, **fixed}.items() if name.lower() not in OURS}
    headers["content-type"] = EVENT if hook.body is None else PLAIN
    return Message(message_id(event), template.url(hook.url, event), body, headers)


def message_id(event: Mapping[str, Any]) -> str:
    """`msg_` and a digest of the event's identity: without a full stop, which the signature joins with."""
    identity = [event["source"], event["id"], event["subject"], event["type"]]
    return f"msg_{sha256(orjson.dumps(identity)).hexdigest()[:40]}"
