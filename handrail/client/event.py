"""The events of an agent: CloudEvents, checked here as the governor would check them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError


@dataclass(frozen=True, slots=True)
class Event:
    """One event, ready to be sent: `data` is what the log will hold, `value` the whole event as bytes."""

    id: str
    source: str
    type: str
    conversation_id: str
    data: dict[str, Any]
    value: bytes


@dataclass(frozen=True, slots=True)
class EventContext:
    """What all events of an agent have in common: who sends them, and in which conversation."""

    agent_id: str
    conversation_id: str
    execution_id: str
    source: str
    tenant: str | None = None
    agent_version: str | None = None
    traceparent: str | None = None

    def event(self, name: str, data: dict[str, Any], event_id: str | None = None) -> Event:
        """The event `handrail.NAME.v1`; fields of `data` that are None are left out.

        Raises SchemaError where it would become a dead letter: not JSON, NaN, too large, a wrong field.
        """
        fields = {
            "conversation_id": self.conversation_id,
            "agent_id": self.agent_id,
            "execution_id": self.execution_id,
            "tenant": self.tenant,
            "agent_version": self.agent_version,
            **data,
        }
        envelope = {
            "specversion": "1.0",
            "id": event_id or uuid4().hex,
            "source": self.source,
            "type": f"handrail.{name}.v1",
            "subject": self.conversation_id,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": _without_none(fields),
        }
        value = _bytes(envelope | _without_none({"traceparent": self.traceparent}), name)
        raw = _checked(value, name)
        return Event(raw["id"], raw["source"], raw["type"], raw["subject"], raw["data"], value)


def _without_none(mapping: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if value is not None}


def _bytes(envelope: dict[str, Any], name: str) -> bytes:
    """Plain JSON only: what is judged must be what is meant, so nothing is converted."""
    try:
        return json.dumps(envelope, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"{name}: {error}: give text, numbers, booleans, lists and dicts of them") from None


def _checked(value: bytes, name: str) -> dict[str, Any]:
    try:
        return decode(value).raw
    except SchemaError as error:
        raise SchemaError(f"{name}: {error}") from None
