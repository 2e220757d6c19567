"""What agents did: results matter to loops, facts and handoffs; what no decision allowed is a bypass."""

from typing import Any

from handrail.policies import Bundle
from handrail.streams.governor import (
    agent_identity,
    calls,
    calls_under_way,
    comparable_result,
    entries,
    excerpts,
    facts,
    limits,
    loops,
    ownership,
    sums,
)
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.finding import HALT
from handrail.streams.governor.fold_context import UNKNOWN, ActionCall, FoldContext, Reply
from handrail.streams.governor.mode import with_bypass
from handrail.streams.governor.redaction import cut
from handrail.streams.governor.state import PartitionState


def action_executed(context: FoldContext) -> Reply:
    """Store what an action did, and learn from its result; without a decision it is a bypass."""
    head, call = context.conversation.head, calls.call_of(context, context.data)
    status, result = context.data["status"], context.data.get("result")
    known, governed = _match_proposal(context, call, status)
    must_be_governed = not (context.recorded or context.observed)
    over = None if known else limits.count_step(context)
    shown, redacted = excerpts.shown(result, "result")
    execution = entries.ToolExecution(
        call.action_id, call.named, status, shown, governed, context.now_ms, context.offset,
        cut(str(context.data.get("error") or ""), excerpts.VALUE_MAX), step=context.execution.steps, redacted=redacted,
    )  # fmt: skip
    if not known:
        execution.arguments, redacted = excerpts.shown(call.arguments, "arguments")
        execution.redacted = execution.redacted + redacted
        head.attempts += 1
    context.conversation.add(execution)
    sums.executed(context, call, status)
    if governed or (known and not must_be_governed):
        if status != UNKNOWN:
            loops.happened(context, call, status == "ok", comparable_result.digest(context, call, status, result))
        if status == "ok":
            facts.learn(context, call, result)
    elif must_be_governed:
        _bypass(context, call)
    if over is None or head.halt:
        return None
    ownership.execution_halt(context, over)
    return HALT, 2


def _match_proposal(context: FoldContext, call: ActionCall, status: str) -> tuple[bool, bool]:
    """(whether it was proposed, whether it was allowed). While the status is unknown, how it ended may still follow."""
    if context.stranger:
        return False, False
    ended = status != UNKNOWN
    named, verdict = calls_under_way.known(context.conversation, call)
    if not named:
        allowed = calls_under_way.was_allowed(context, call, ended)
        return allowed, allowed
    if verdict and ended:
        calls_under_way.ended(context.conversation, call)
    return bool(verdict), verdict == calls_under_way.ALLOWED


def _bypass(context: FoldContext, call: ActionCall) -> None:
    message = f"{call.named} was executed without a decision that allowed it"
    if (unlisted := agent_identity.stranger(context)) is not None:
        message = f"{message}. {unlisted.message}"
    raise_alert(
        context, "bypass", "high", message, action_id=call.action_id, tool=call.named, action_digest=call.digest
    )
    context.supervises = _supervise(context.partition, context.agent_id)


def _supervise(partition: PartitionState, agent_id: str) -> bool:
    """Put the agent under supervision in this partition; whether that changes anything."""
    before = partition.modes
    partition.modes = with_bypass(before, agent_id, partition.clock_ms)
    return partition.modes is not before


def redo_bypass(partition: PartitionState, raw: dict[str, Any], bundle: Bundle, tenant: str) -> bool:
    """Apply what a bypass changes outside its own conversation: nothing else of it does.

    `raw` is the event, `tenant` the conversation's. Returns whether the agent comes under supervision by it.
    """
    data, source = raw["data"], raw["source"]
    observed, _ = agent_identity.standing_of(bundle, data["agent_id"], source, tenant, data)
    if observed or agent_identity.is_recorded(bundle, source, data):
        return False
    return _supervise(partition, data["agent_id"])
