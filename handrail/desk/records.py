"""What a person puts on the log: claims and resolutions, as CloudEvents of the contract."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from handrail.desk.handoff_view import HandoffView
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.decode import decode_resolution
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.fields import By
from handrail.schemas.signature import sign_record
from handrail.streams.keys import key_of

TERMINAL = "/humans/terminal"


def claim(handoff: HandoffView, by: By, source: str = TERMINAL) -> dict[str, Any]:
    """`handrail.handoff.claimed.v1`: this person works on the handoff now."""
    return _event("handrail.handoff.claimed.v1", handoff, by, source, {})


def resolution(handoff: HandoffView, outcome: str, by: By, source: str = TERMINAL, **fields: Any) -> dict[str, Any]:
    """`handrail.resolution.v1`: one person's answer, bound to the action that waits where one does.

    `fields` are the optional fields of a resolution; those that are None are left out. Raises ConfigError where one of
    them is not what the contract says.
    """
    data = {name: value for name, value in fields.items() if value is not None}
    if handoff.pending is not None:
        data["action_digest"] = handoff.pending["action_digest"]
    return _event("handrail.resolution.v1", handoff, by, source, {"outcome": outcome, **data})


def signed(event: dict[str, Any], key: Path | None) -> dict[str, Any]:
    """The event with the signature of the key in this file; as it is where no key was named. Raises ConfigError."""
    return sign_record(key_of(key), event)


def _event(event_type: str, handoff: HandoffView, by: By, source: str, data: dict[str, Any]) -> dict[str, Any]:
    at = to_rfc3339(int(time.time() * 1000))
    event = {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": source,
        "type": event_type,
        "subject": handoff.conversation_id,
        "time": at,
        "datacontenttype": "application/json",
        "data": {
            "handoff_id": handoff.id,
            "conversation_id": handoff.conversation_id,
            "by": by.model_dump(exclude_none=True),
            "at": at,
            **data,
        },
    }
    try:
        decode_resolution(orjson.dumps(event))
    except SchemaError as error:
        raise ConfigError(str(error)) from None
    return event
