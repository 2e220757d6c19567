"""What agents propose and wait for: an action, an answer to the customer, a call of a model."""

from handrail.schemas.action import RESPONSE
from handrail.streams.governor import (
    approvals,
    assessment,
    calls,
    calls_under_way,
    decision,
    entries,
    excerpts,
    limits,
    ownership,
    sums,
)
from handrail.streams.governor.finding import ALLOW, BLOCK, HALT, REQUIRE_APPROVAL, Finding, most_restrictive
from handrail.streams.governor.fold_context import ActionCall, FoldContext, Reply


def llm_proposed(context: FoldContext) -> Reply:
    """May this LLM call be made? Asked only by agents that want to know before they pay.

    No person approves a call of a model: what would need one is blocked.
    """
    findings, skipped = assessment.of_llm_call(context)
    verdict, route = most_restrictive(findings), context.conversation.route
    verdict = BLOCK if verdict == REQUIRE_APPROVAL else verdict
    handoff_id = None
    if verdict == HALT and not context.conversation.head.halt:
        handoff_id = ownership.halt(context, findings)
    elif verdict == BLOCK:
        handoff_id = ownership.escalate(context, [finding for finding in findings if finding.policy_id])
    decision.emit(context, "llm", verdict, findings, route=route, handoff_id=handoff_id, skipped=skipped)
    return verdict, route


def action_proposed(context: FoldContext) -> Reply:
    """Judge an action; the agent waits for this decision."""
    head, call = context.conversation.head, calls.call_of(context, context.data)
    waiting = approvals.waiting(context, call)
    if waiting is not None and not head.halt and not context.stranger:
        return _still_waiting(context, call, waiting.handoff_id)
    was_halted = bool(head.halt)
    findings, skipped = assessment.of_action(context, call)
    decision_id = decision.decision_id(context, "action", call.action_id)
    found_verdict = most_restrictive(findings)
    attempt = None if was_halted else _attempt(context, call, decision_id, found_verdict)
    # A handoff lists the attempts that are stored when it opens. A refused action has to be among them: people are
    # called for it. An action that needs approval must not be: it stands there as `pending`, and would stand twice.
    if found_verdict != REQUIRE_APPROVAL:
        _store(context, attempt)
    verdict, findings, handoff_id = ownership.consequence(context, "action", call, findings)
    if found_verdict == REQUIRE_APPROVAL:
        _store(context, attempt)
    calls_under_way.begun(context.conversation, call, verdict == ALLOW)
    if verdict == ALLOW:
        sums.allowed(context, call)
    route = context.conversation.route
    decision.emit(
        context, "action", verdict, findings, route=route, action_id=call.action_id, digest=call.digest,
        handoff_id=handoff_id, skipped=skipped, known_id=decision_id,
    )  # fmt: skip
    return verdict, route


def _attempt(context: FoldContext, call: ActionCall, decision_id: str, verdict: int) -> entries.Proposal:
    shown, redacted = excerpts.shown(call.arguments, "arguments")
    return entries.Proposal(
        context.execution.steps,
        call.action_id,
        call.named,
        shown,
        decision_id,
        verdict,
        context.now_ms,
        context.offset,
        redacted,
    )


def _store(context: FoldContext, attempt: entries.Proposal | None) -> None:
    """Add the attempt to the conversation; in one that was halted before, nothing is attempted any more."""
    if attempt is not None:
        context.conversation.add(attempt)
        context.conversation.head.attempts += 1


def _still_waiting(context: FoldContext, call: ActionCall, handoff_id: str) -> Reply:
    """The same call while its approval is open: the same handoff, a step, and no loop."""
    over = limits.count_step(context)
    message = "The same call waits for approval already."
    findings = [Finding("policy", REQUIRE_APPROVAL, message, {"handoff_id": handoff_id})]
    verdict, route = REQUIRE_APPROVAL, context.conversation.route
    if over is not None:
        findings.append(over)
        verdict, route = HALT, 2
        handoff_id = ownership.halt(context, findings)
    kind = "response" if call.tool == RESPONSE else "action"
    decision.emit(
        context, kind, verdict, findings, route=route, action_id=call.action_id, digest=call.digest,
        handoff_id=handoff_id,
    )  # fmt: skip
    return verdict, route


def response_proposed(context: FoldContext) -> Reply:
    """Judge an answer; the agent waits for this decision."""
    call = calls.answer_of(context, context.data)
    waiting = approvals.waiting(context, call)
    findings, skipped = assessment.of_response(context, call)
    handoff_id: str | None
    if waiting is not None and not context.conversation.head.halt and not context.stranger:
        verdict, handoff_id = REQUIRE_APPROVAL, waiting.handoff_id
    else:
        verdict, findings, handoff_id = ownership.consequence(context, "response", call, findings)
    route = context.conversation.route
    decision.emit(
        context, "response", verdict, findings, route=route, action_id=call.action_id, digest=call.digest,
        handoff_id=handoff_id or None, skipped=skipped,
    )  # fmt: skip
    return verdict, route
