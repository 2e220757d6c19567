"""Alerts that the governor raises by itself: bypass, completeness, sla, model."""

from hashlib import sha256
from typing import Any

import orjson

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.topics import ALERTS
from handrail.streams.governor.turn import Turn


def raise_alert(turn: Turn, kind: str, severity: str, message: str, **evidence: Any) -> None:
    """Emit one alert about the turn's conversation and agent. Its id is the same in every replay."""
    about = {"agent_id": turn.agent_id, "tenant": turn.tenant, "conversation_id": turn.case.id}
    seed = orjson.dumps([kind, turn.case.id, turn.number, turn.offset, message])
    alert_id = f"al-{sha256(seed).hexdigest()[:24]}"
    at = to_rfc3339(turn.now_ms)
    data = {
        "alert_id": alert_id,
        "kind": kind,
        "severity": severity,
        "message": message,
        "about": about,
        "since": at,
        "from": at,
        "to": at,
        "evidence": evidence,
        "examples": [turn.case.id],
        "position": {"partition": turn.number, "offset": turn.offset},
    }
    turn.emit(ALERTS, "handrail.alert.v1", alert_id, data)
