"""What conditions over several actions count: actions that were allowed, and those that ran without a decision.

It lies in a part of the head, and only where the bundle has such a condition. What a report of `error` says did not
happen is taken out again, once: after an `ok` no `error` changes anything.
"""

from hashlib import sha256
from typing import Any

from handrail.policies.cumulative import addable
from handrail.policies.subject import Counted, Earlier, Subject
from handrail.streams.governor.call import UNKNOWN, Call
from handrail.streams.governor.state import SUMS
from handrail.streams.governor.turn import Turn

COUNTED_MAX = 256  # actions of a conversation: beyond it the oldest leaves, and windows back to it fail closed
WHO, AT, OFFSET, DONE, VALUES = range(5)


def earlier(turn: Turn) -> Earlier | None:
    """What counts beside the proposal that is judged; None where no condition of the bundle asks."""
    if not turn.bundle.sums:
        return None
    lost_ms, kept = _kept(turn)
    actions = [Counted(one[AT], one[OFFSET], one[VALUES]) for one in kept]
    return Earlier(actions, lost_ms, turn.now_ms, turn.offset)


def allowed(turn: Turn, call: Call) -> None:
    """The action may run: from now on it counts."""
    _count(turn, call, done=False)


def executed(turn: Turn, call: Call, status: str) -> None:
    """What was allowed has run, or failed and counts no more; what was not allowed and ran counts from now on.

    Where nobody knows yet whether it ran (`unknown`), it goes on counting as it did.
    """
    lost_ms, kept = _kept(turn)
    if not kept and not turn.bundle.sums:
        return
    who = _who(call)
    found = next((at for at, one in enumerate(kept) if one[WHO] == who and not one[DONE]), None)
    if found is None:
        if status != "error":
            _count(turn, call, done=status != UNKNOWN)
        return
    if status == UNKNOWN:
        return
    one = kept.pop(found)
    if status != "error":
        kept.insert(found, [*one[:DONE], True, one[VALUES]])
    turn.case.put(SUMS, [lost_ms, kept])


def _count(turn: Turn, call: Call, done: bool) -> None:
    fields = turn.bundle.summed(call.tool)
    if not fields:
        return
    subject = Subject(
        event_type=turn.event_type,
        kind="action",
        tenant=turn.tenant,
        agent_id=turn.agent_id,
        tool=call.tool,
        arguments=call.arguments,
        attributes=turn.data.get("attributes") or {},
        customer=turn.case.customer,
        data=turn.data,
    )
    found = {name: addable(get(subject)) for name, get in fields}
    values = {name: None if value is None else str(value) for name, value in found.items()}
    lost_ms, kept = _kept(turn)
    kept.append([_who(call), turn.now_ms, turn.offset, done, values])
    if len(kept) > COUNTED_MAX:
        lost_ms = max(lost_ms, kept.pop(0)[AT])
    turn.case.put(SUMS, [lost_ms, kept])


def _kept(turn: Turn) -> tuple[int, list[Any]]:
    """(time of the last one that left, [[who, time, offset, whether it ran, values]]), oldest first."""
    if SUMS not in turn.case.head.parts:
        return 0, []
    lost_ms, kept = turn.case.part(SUMS)
    return lost_ms, kept


def _who(call: Call) -> bytes:
    """The action, and what it does."""
    return sha256(call.action_id.encode()).digest()[:8] + call.key
