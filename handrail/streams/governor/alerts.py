"""Alerts that the governor raises by itself: bypass, completeness, sla, model."""

from hashlib import sha256
from typing import Any

import orjson

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.event_types import ALERT
from handrail.schemas.record import Output, Record
from handrail.schemas.topics import ALERTS
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.outgoing import record_of
from handrail.streams.governor.redaction import Redactions

KEY_MAX = 200
NOT_HISTORY = "`recorded: true` is ignored: recorded_sources in agents.yaml does not name its source"
EVIDENCE = frozenset(f"evidence.{name}" for name in ("action_id", "tool", "action_digest", "handoff_id"))  # what joins


def raise_alert(context: FoldContext, kind: str, severity: str, message: str, **evidence: Any) -> None:
    """Emit one alert about the record's conversation and agent. Its id is the same in every replay."""
    about = {"agent_id": context.agent_id, "tenant": context.tenant, "conversation_id": context.conversation.id}
    seed = orjson.dumps([kind, context.conversation.id, context.number, context.offset, message])
    data = _data(seed, kind, severity, message, about, evidence, context.now_ms, (context.number, context.offset))
    data["examples"] = [context.conversation.id]
    context.emit(ALERTS, ALERT, data["alert_id"], data)


def refused(record: Record, raw: dict[str, Any], now_ms: int, reason: str) -> Output:
    """The `bypass` alert on a control record or an answer that was refused."""
    data, subject = raw["data"], raw["subject"]
    about = {"subject": subject, "type": raw["type"], "issuer": data.get("issuer"), "key_id": data.get("key_id")}
    message = "a control record was refused" if subject == CONTROL_KEY else "the answer of a person was refused"
    seed = orjson.dumps(["bypass", subject, record.partition, record.offset, message])
    place = (record.partition, record.offset)
    data = _data(seed, "bypass", "high", message, about, {"reason": reason}, now_ms, place)
    data["examples"] = [] if subject == CONTROL_KEY else [subject]
    return record_of(ALERTS, ALERT, data["alert_id"], subject, now_ms, data)


def crowded(record: Record, memory: dict[str, Any], now_ms: int) -> Output:
    """The alert on a partition that remembers as many conversations as it may."""
    left, full = memory["leaving"], memory["full"]
    parts = [f"the {left} longest idle conversations were forgotten to make room"] if left else []
    parts += ["new conversations are blocked: those that remain are in use, or held"] if full else []
    message, severity = "; ".join(parts), "high" if full else "medium"
    names = ("remembered", "leaving", "full", "conversations_max")
    evidence = {name: memory[name] for name in names}
    seed = orjson.dumps(["memory", record.partition, record.offset])
    place = (record.partition, record.offset)
    data = _data(seed, "memory", severity, message, {"partition": record.partition}, evidence, now_ms, place)
    return record_of(ALERTS, ALERT, data["alert_id"], CONTROL_KEY, now_ms, data)


def passed_over(topic: str, partition: int, offset: int, key: bytes | None, reason: str, now_ms: int) -> Output:
    """The `bypass` alert on a record that a worker read past. Its id is the same from every worker and at any time."""
    about = {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "key": (key or b"").decode(errors="replace")[:KEY_MAX],
    }
    message = f"a record on {topic} was passed over"
    seed = orjson.dumps(["bypass", topic, partition, offset, message])
    data = _data(seed, "bypass", "medium", message, about, {"reason": reason}, now_ms, (partition, offset))
    output = record_of(ALERTS, ALERT, data["alert_id"], CONTROL_KEY, now_ms, data)
    return Output(output.topic, output.key, output.value, (*output.headers, ("handrail-topic", topic.encode())))


def _data(
    seed: bytes,
    kind: str,
    severity: str,
    message: str,
    about: dict[str, Any],
    evidence: dict[str, Any],
    now_ms: int,
    place: tuple[int, int],
) -> dict[str, Any]:
    at, redactions = to_rfc3339(now_ms), Redactions()
    data = {
        "alert_id": f"al-{sha256(seed).hexdigest()[:24]}",
        "kind": kind,
        "severity": severity,
        "message": redactions.text(message, "message"),
        "about": about,
        "since": at,
        "from": at,
        "to": at,
        "evidence": redactions.value(evidence, "evidence", EVIDENCE),
        "examples": [],
        "position": {"partition": place[0], "offset": place[1]},
    }
    if redactions.kinds:
        data["redactions"] = redactions.rows()
    return data
