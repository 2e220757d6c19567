"""Control records for `agent.events.v1`, before they are signed (issuer.py)."""

from typing import Any
from uuid import uuid4

from handrail.schemas.canonical import digest
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.keys import USES, PublicKey
from handrail.schemas.record import Supervision

SOURCE = "/handrail/worker"


Event = dict[str, Any]


def activation(ruleset: str, at_ms: int, key: PublicKey | None = None) -> Event:
    """From this record on, the bundle decides in its partition; `key` is the first whose signatures count there."""
    brought = {} if key is None else {"keys": [{"public": key.line, "uses": list(USES)}]}
    return _event("policies.activated", at_ms, {"ruleset": ruleset, **brought})


def tick(at_ms: int) -> Event:
    """Time passes."""
    return _event("tick", at_ms, {})


def snapshot(data: dict[str, Any], at_ms: int) -> Event:
    """The partition's own state, where a fold can begin."""
    return _event("snapshot", at_ms, data)


def memory(data: dict[str, Any], at_ms: int) -> Event:
    """The partition remembers as many conversations as it may."""
    return _event("memory", at_ms, data)


def operator_control(kind: str, data: dict[str, Any], at_ms: int) -> Event:
    """What an operator says, such as `agent.mode`."""
    return _event(kind, at_ms, data)


def forget(conversation: str, data: dict[str, Any], at_ms: int) -> Event:
    """What was said in this conversation is forgotten."""
    return _event("forget", at_ms, data, subject=conversation)


def supervised(one: Supervision, partition: int, at_ms: int) -> Event:
    """An agent acted without a decision in that partition; the same for the same, so that telling it twice shows."""
    origin = {"partition": partition, "offset": one.offset}
    data = {"agent_id": one.agent_id, "reason": "bypass", "origin": origin, "at": to_rfc3339(one.seen_ms)}
    return _event("agent.supervised", at_ms, data, digest(["agent.supervised", partition, one.offset]))


def resolution(raw: dict[str, Any], at_ms: int) -> Event:
    """The copy of what a human did; the same for the same record, so that copying twice is a repeat."""
    name = digest([raw["source"], raw["id"], raw["subject"], raw["type"]])
    data = {"type": raw["type"], "source": raw["source"], "id": raw["id"], "resolution": raw["data"]}
    traced = {"traceparent": raw["traceparent"]} if raw.get("traceparent") else {}
    return _event("resolution", at_ms, data, name, raw["subject"], **traced)


def _event(
    kind: str, at_ms: int, data: dict[str, Any], name: str = "", subject: str = CONTROL_KEY, **extensions: str
) -> Event:
    return {
        "specversion": "1.0",
        "id": name or uuid4().hex,
        "source": SOURCE,
        "type": f"handrail.control.{kind}.v1",
        "subject": subject,
        "time": to_rfc3339(at_ms),
        "datacontenttype": "application/json",
        **extensions,
        "data": data,
    }
