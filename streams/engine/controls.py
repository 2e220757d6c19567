"""Control records that a worker writes into `agent.events.v1`."""

from typing import Any
from uuid import uuid4

import orjson

from handrail.schemas.canonical import digest
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.record import CLOUDEVENT
from handrail.streams.engine.producer import Row

SOURCE = "/handrail/worker"


def activation(ruleset: str, at_ms: int) -> Row:
    """From this record on, the bundle decides in its partition."""
    return _row("policies.activated", uuid4().hex, CONTROL_KEY, at_ms, {"ruleset": ruleset, "issuer": SOURCE})


def tick(at_ms: int) -> Row:
    """Time passes."""
    return _row("tick", uuid4().hex, CONTROL_KEY, at_ms, {"issuer": SOURCE})


def snapshot(data: dict[str, Any], at_ms: int) -> Row:
    """The partition's own state, where a fold can begin."""
    return _row("snapshot", uuid4().hex, CONTROL_KEY, at_ms, {**data, "issuer": SOURCE})


def resolution(raw: dict[str, Any], at_ms: int) -> Row:
    """The copy of what a human did; the same for the same record, so that copying twice is a repeat."""
    name = digest([raw["source"], raw["id"], raw["subject"], raw["type"]])
    data = {"type": raw["type"], "source": raw["source"], "id": raw["id"], "resolution": raw["data"], "issuer": SOURCE}
    traced = {"traceparent": raw["traceparent"]} if raw.get("traceparent") else {}
    return _row("resolution", name, raw["subject"], at_ms, data, **traced)


def _row(kind: str, name: str, subject: str, at_ms: int, data: dict[str, Any], **extensions: str) -> Row:
    event = {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": f"handrail.control.{kind}.v1",
        "subject": subject,
        "time": to_rfc3339(at_ms),
        "datacontenttype": "application/json",
        **extensions,
        "data": data,
    }
    return Row(subject.encode(), orjson.dumps(event), CLOUDEVENT)
