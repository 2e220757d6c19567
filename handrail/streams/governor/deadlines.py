"""What time alone brings: approvals that expire, requests for a human that nobody has answered."""

from typing import Any

from handrail.policies import Bundle
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.record import Output, Record
from handrail.streams.governor import resolutions
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.case import Case
from handrail.streams.governor.state import PartitionState
from handrail.streams.governor.step import turn_of
from handrail.streams.governor.turn import Turn

SOURCES_SHOWN = 20


def settle(case: Case, partition: PartitionState, record: Record, bundle: Bundle, active: bool) -> list[Output]:
    """Everything of this conversation that is due at the partition's clock; empty where nothing is."""
    now_ms = partition.clock_ms
    outputs: list[Output] = []
    for approval in [one for one in case.head.approvals if one.expires_ms <= now_ms]:
        turn = _turn(case, partition, record, bundle, active)
        resolutions.expired(turn, approval, because=f"{record.partition}/{record.offset}")
        outputs += turn.outputs
    for handoff in [one for one in case.head.handoffs if one.due_ms and one.due_ms <= now_ms]:
        turn = _turn(case, partition, record, bundle, active)
        message = f"nobody has answered the customer's request for a human in handoff {handoff.id}"
        due_at, counting = to_rfc3339(handoff.due_ms), bundle.human_sources.listed()[:SOURCES_SHOWN]
        raise_alert(turn, "sla", "high", message, handoff_id=handoff.id, due_at=due_at, human_sources=counting)
        handoff.due_ms = 0
        outputs += turn.outputs
    return outputs


def _turn(case: Case, partition: PartitionState, record: Record, bundle: Bundle, active: bool) -> Turn:
    """A turn that no event of the conversation caused."""
    execution = case.head.executions[-1] if case.head.executions else None
    data: dict[str, Any] = {"execution_id": execution.id} if execution else {}
    raw = {"source": "/handrail/governor", "id": f"{record.partition}/{record.offset}", "type": "time", "data": data}
    return turn_of(case, partition, record, raw, bundle, active, learns=False)
