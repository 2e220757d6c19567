"""What conditions over several actions count: actions that were allowed, and those that ran without a decision.

It lies in a part of the head, and only where the bundle has such a condition. What a report of `error` says did not
happen is taken out again, once: after an `ok` no `error` changes anything.
"""

from hashlib import sha256
from typing import Any

from handrail.policies.cumulative import addable
from handrail.policies.subject import Counted, Earlier, Subject
from handrail.streams.governor.fold_context import UNKNOWN, ActionCall, FoldContext
from handrail.streams.governor.state import SUMS

COUNTED_MAX = 256  # actions of a conversation: beyond it the oldest leaves, and windows back to it fail closed
WHO, AT, OFFSET, DONE, VALUES = range(5)


def earlier(context: FoldContext) -> Earlier | None:
    """What counts beside the proposal that is judged; None where no condition of the bundle asks."""
    if not context.bundle.sums:
        return None
    lost_ms, actions = _actions(context)
    counted = [Counted(action[AT], action[OFFSET], action[VALUES]) for action in actions]
    return Earlier(counted, lost_ms, context.now_ms, context.offset)


def allowed(context: FoldContext, call: ActionCall) -> None:
    """The action may run: from now on it counts."""
    _count(context, call, done=False)


def executed(context: FoldContext, call: ActionCall, status: str) -> None:
    """What was allowed has run, or failed and counts no more; what was not allowed and ran counts from now on.

    Where nobody knows yet whether it ran (`unknown`), it goes on counting as it did.
    """
    lost_ms, actions = _actions(context)
    if not actions and not context.bundle.sums:
        return
    who = _who(call)
    index = next((at for at, action in enumerate(actions) if action[WHO] == who and not action[DONE]), None)
    if index is None:
        if status != "error":
            _count(context, call, done=status != UNKNOWN)
        return
    if status == UNKNOWN:
        return
    action = actions.pop(index)
    if status != "error":
        actions.insert(index, [*action[:DONE], True, action[VALUES]])
    context.conversation.put(SUMS, [lost_ms, actions])


def _count(context: FoldContext, call: ActionCall, done: bool) -> None:
    fields = context.bundle.summed(call.tool)
    if not fields:
        return
    subject = Subject(
        event_type=context.event_type,
        kind="action",
        tenant=context.tenant,
        agent_id=context.agent_id,
        tool=call.tool,
        arguments=call.arguments,
        attributes=context.data.get("attributes") or {},
        customer=context.conversation.customer,
        data=context.data,
    )
    numbers = {name: addable(get(subject)) for name, get in fields}
    values = {name: None if value is None else str(value) for name, value in numbers.items()}
    lost_ms, actions = _actions(context)
    actions.append([_who(call), context.now_ms, context.offset, done, values])
    if len(actions) > COUNTED_MAX:
        lost_ms = max(lost_ms, actions.pop(0)[AT])
    context.conversation.put(SUMS, [lost_ms, actions])


def _actions(context: FoldContext) -> tuple[int, list[Any]]:
    """(time of the last one that left, [[who, time, offset, whether it ran, values]]), oldest first."""
    if SUMS not in context.conversation.head.parts:
        return 0, []
    lost_ms, actions = context.conversation.part(SUMS)
    return lost_ms, actions


def _who(call: ActionCall) -> bytes:
    """The action, and what it does."""
    return sha256(call.action_id.encode()).digest()[:8] + call.key
