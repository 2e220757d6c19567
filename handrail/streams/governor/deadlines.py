"""What time alone brings: approvals that expire, requests for a human that nobody has answered."""

from typing import Any

from handrail.policies import Bundle
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.record import Output, Record
from handrail.streams.governor import resolutions
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.state import PartitionState
from handrail.streams.governor.step import context_of
from handrail.streams.governor.working_conversation import WorkingConversation

SOURCES_SHOWN = 20


def settle(
    conversation: WorkingConversation, partition: PartitionState, record: Record, bundle: Bundle, active: bool
) -> list[Output]:
    """Everything of this conversation that is due at the partition's clock; empty where nothing is."""
    now_ms = partition.clock_ms
    outputs: list[Output] = []
    for approval in [one for one in conversation.head.approvals if one.expires_ms <= now_ms]:
        context = _context(conversation, partition, record, bundle, active)
        resolutions.expired(context, approval, because=f"{record.partition}/{record.offset}")
        outputs += context.outputs
    for handoff in [one for one in conversation.head.handoffs if one.due_ms and one.due_ms <= now_ms]:
        context = _context(conversation, partition, record, bundle, active)
        message = f"nobody has answered the customer's request for a human in handoff {handoff.id}"
        due_at, counting = to_rfc3339(handoff.due_ms), bundle.human_sources.listed()[:SOURCES_SHOWN]
        raise_alert(context, "sla", "high", message, handoff_id=handoff.id, due_at=due_at, human_sources=counting)
        handoff.due_ms = 0
        outputs += context.outputs
    return outputs


def _context(
    conversation: WorkingConversation, partition: PartitionState, record: Record, bundle: Bundle, active: bool
) -> FoldContext:
    """The context of a change that no event of the conversation caused."""
    execution = conversation.head.executions[-1] if conversation.head.executions else None
    data: dict[str, Any] = {"execution_id": execution.id} if execution else {}
    raw = {"source": "/handrail/governor", "id": f"{record.partition}/{record.offset}", "type": "time", "data": data}
    return context_of(conversation, partition, record, raw, bundle, active, learns=False)
