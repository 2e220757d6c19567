"""The cap: how many conversations one partition remembers, and what happens there.

A fold cannot say it by itself: how many it remembers at a moment depends on how the log was cut, and where a worker was
killed. So the partition's owner writes it to the log, and decisions follow from that record alone.
"""

from collections.abc import Iterable
from heapq import merge
from operator import itemgetter
from typing import Any

from handrail.policies.limits import Remembered
from handrail.schemas.event_types import ACTION_EXECUTED
from handrail.schemas.record import Output
from handrail.streams.governor import decision, state
from handrail.streams.governor.calls import answer_of, call_of
from handrail.streams.governor.controls import ACTIVE_MS
from handrail.streams.governor.events import HANDLERS
from handrail.streams.governor.executions import action_executed
from handrail.streams.governor.finding import BLOCK, Finding
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.idle import Idle
from handrail.streams.governor.state import PartitionState
from handrail.streams.governor.state_store import StateStore

ROOM = 20  # one in so many leaves at a time
LOOKED_AT_MAX = 20_000


def due_record(
    memory: StateStore, silent: Iterable[Idle], partition: PartitionState, bound: Remembered
) -> dict[str, Any] | None:
    """The data of the record that is due; None where none is."""
    most, count = bound.conversations_max, len(memory)
    if count < most:
        return _data(0, False, count, 0, most) if partition.full and count < most - most // ROOM else None
    longest = merge(*silent, key=itemgetter(1))
    before_ms, leaving = _longest(memory, longest, partition.clock_ms - ACTIVE_MS, count - most + most // ROOM)
    full = count - leaving >= most
    if full == partition.full and before_ms <= partition.room_ms:
        return None
    return _data(before_ms, full, count, leaving, most)


def _longest(memory: StateStore, longest: Iterable[tuple[str, int]], until_ms: int, wanted: int) -> tuple[int, int]:
    """(the time up to which conversations leave, how many do); those with something held against them stay."""
    before_ms = leaving = 0
    for looked_at, (name, at_ms) in enumerate(longest):
        if at_ms > until_ms or (at_ms > before_ms and (leaving >= wanted or looked_at >= LOOKED_AT_MAX)):
            break
        before_ms = at_ms
        head = memory.head(name)
        leaving += head is not None and not state.holds(head)
    return before_ms, leaving


def _data(before_ms: int, full: bool, count: int, leaving: int, most: int) -> dict[str, Any]:
    return {
        "before_ms": before_ms,
        "full": full,
        "remembered": count,
        "leaving": leaving,
        "conversations_max": most,
    }


def refused(context: FoldContext) -> list[Output]:
    """Answer an event of a new conversation while no more are remembered: nothing of it is stored."""
    kind = HANDLERS[context.event_type].kind
    if not kind:
        if context.event_type == ACTION_EXECUTED:
            action_executed(context)  # a bypass is one here too
        return context.outputs
    call = (
        call_of(context, context.data)
        if kind == "action"
        else answer_of(context, context.data)
        if kind == "response"
        else None
    )
    message = "This partition remembers as many conversations as it may: new ones are blocked until some have ended."
    finding = Finding("memory.full", BLOCK, message, {"field": "conversations"}, escalate=False)
    decision.emit(
        context,
        kind,
        BLOCK,
        [finding],
        route=2,
        action_id=call.action_id if call else None,
        digest=call.digest if call else None,
    )
    return context.outputs
