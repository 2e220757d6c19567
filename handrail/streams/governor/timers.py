"""Timers: the deadlines of all conversations of a partition, the next one first, and what is due at one.

Due are approvals that expire, and requests for a human that nobody has answered.
"""

import heapq
from collections.abc import Callable
from typing import Any

from handrail.policies import Bundle
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.record import Output, Record
from handrail.streams.governor import resolutions, state
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.state import Conversation, PartitionState
from handrail.streams.governor.step import context_of
from handrail.streams.governor.working_conversation import WorkingConversation

SOURCES_SHOWN = 20

Due = tuple[int, str]
"""(log time in milliseconds, conversation)"""


class Timers:
    """A queue of deadlines. What is queued twice, or in vain, does no harm."""

    def __init__(self) -> None:
        self._queue: list[Due] = []
        self._scheduled: dict[str, int] = {}

    @property
    def next_ms(self) -> int | None:
        """The log time at which something is due, None where nothing is."""
        return self._queue[0][0] if self._queue else None

    def schedule(self, name: str, head: Conversation) -> None:
        """Queue the conversation's next deadline."""
        if not (head.ended_ms or head.approvals or head.handoffs):  # nearly always
            return
        due = state.next_deadline_ms(head)
        if due and self._scheduled.get(name) != due:
            self.put((due, name))

    def put(self, due: Due) -> None:
        """Queue a deadline."""
        self._scheduled[due[1]] = due[0]
        heapq.heappush(self._queue, due)

    def pop(self, now_ms: int) -> Due | None:
        """The next deadline that has come, removed from the queue."""
        if not self._queue or self._queue[0][0] > now_ms:
            return None
        due = heapq.heappop(self._queue)
        if self._scheduled.get(due[1]) == due[0]:
            del self._scheduled[due[1]]
        return due

    def prune(self, now_ms: int, due_of: Callable[[str], int]) -> None:
        """Drop what was due by now and is no more, because somebody else has settled it.

        `due_of` gives the next deadline of a conversation, 0 where there is none.
        """
        still = []
        while (due := self.pop(now_ms)) is not None:
            if due_of(due[1]) == due[0]:
                still.append(due)
        for due in still:
            self.put(due)


def settle(
    conversation: WorkingConversation, partition: PartitionState, record: Record, bundle: Bundle, active: bool
) -> list[Output]:
    """Settle all that is due in this conversation at the partition's clock; returns the outputs, if any."""
    now_ms = partition.clock_ms
    outputs: list[Output] = []
    for approval in [each for each in conversation.head.approvals if each.expires_ms <= now_ms]:
        context = _context(conversation, partition, record, bundle, active)
        resolutions.expired(context, approval, because=f"{record.partition}/{record.offset}")
        outputs += context.outputs
    for handoff in [each for each in conversation.head.handoffs if each.due_ms and each.due_ms <= now_ms]:
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
