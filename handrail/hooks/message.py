"""One webhook as it is sent. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from handrail.hooks import template
from handrail.hooks.config import Hook

PLAIN = "application/json"
EVENT = "application/cloudevents+json"
BODY_BYTES_MAX = 1_000_000
OURS = frozenset({"content-type", "content-length", "host", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the same for the same event, whoever sends it and however often."""

    id: str
    url: str
    body: bytes
    headers: Mapping[str, str]


def message(hook: Hook, fixed: Mapping[str, str], event: Mapping[str, Any], value: bytes) -> Message:
    """The webhook of an event; `value` are its bytes on the log, `fixed` the headers that came from files.

    Raises ValueError where its URL cannot be made, or its body is too long.
    """
    body = value if hook.body is None else orjson.dumps(template.filled(hook.body, event))
    if len(body) > BODY_BYTES_MAX:
        raise ValueError(f"body: has {len(body)} bytes, at most {BODY_BYTES_MAX} are sent: name less in its template")
    own = {name: template.header(one, event) for name, one in hook.headers.items() if isinstance(one, str)}
    headers = {name: one for name, one in {**own, **fixed}.items() if name.lower() not in OURS}
    headers["content-type"] = EVENT if hook.body is None else PLAIN
    return Message(message_id(event), template.url(hook.url, event), body, headers)


def message_id(event: Mapping[str, Any]) -> str:
    """`msg_` and a digest of the event's identity: without a full stop, which the signature joins with."""
    identity = [event["source"], event["id"], event["subject"], event["type"]]
    return f"msg_{sha256(orjson.dumps(identity)).hexdigest()[:40]}"
