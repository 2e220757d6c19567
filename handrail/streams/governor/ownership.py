"""The consequences of a verdict: who owns the conversation, and which handoff is opened for it."""

from handrail.streams.governor import approvals, decision, handoff
from handrail.streams.governor.finding import ALLOW, BLOCK, HALT, REQUIRE_APPROVAL, Finding, most_restrictive, ordered
from handrail.streams.governor.fold_context import ActionCall, FoldContext

TAKES_OVER = ("loop.response", "loop.customer", "customer.asked")


def halt(context: FoldContext, findings: list[Finding]) -> str:
    """Halt the conversation for good and hand it off; returns the handoff's id."""
    head = context.conversation.head
    cause = next(f for f in ordered(findings) if f.verdict == HALT)
    if not head.halt:
        head.halt = cause.code
    return handoff.open_for(context, "escalation", [cause, *(f for f in findings if f is not cause)], holds=True).id


def consequence(
    context: FoldContext, kind: str, call: ActionCall, findings: list[Finding]
) -> tuple[int, list[Finding], str | None]:
    """(verdict, findings, handoff id) of a proposal, after opening whatever it calls for."""
    head = context.conversation.head
    verdict = most_restrictive(findings)
    if verdict == REQUIRE_APPROVAL:
        refused = approvals.cannot_wait(context, call)
        if refused is None:
            return verdict, findings, approvals.request(context, kind, call, findings)
        findings, verdict = [*findings, refused], BLOCK
    if verdict == ALLOW:
        return verdict, findings, None
    if verdict == HALT:
        known = handoff.holding(context) if head.halt else None
        return verdict, findings, known.id if known else halt(context, findings)
    return verdict, findings, escalate(context, findings)


def escalate(context: FoldContext, findings: list[Finding]) -> str | None:
    """The handoff that findings which block call a person by, opened where there is none; None where none calls."""
    head = context.conversation.head
    calling = [f for f in findings if f.verdict == BLOCK and f.mode == "enforce" and f.escalate]
    if not calling:
        known = handoff.holding(context) if head.owned else None
        return known.id if known else None
    takes_over = any(f.code in TAKES_OVER for f in calling)
    others = [f for f in findings if f not in calling]
    return handoff.open_for(context, "escalation", calling + others, holds=takes_over).id


def route(context: FoldContext, findings: list[Finding]) -> tuple[int, int, str | None]:
    """(verdict, route, handoff id) of a query. A human's route owns the conversation from then on."""
    head = context.conversation.head
    most = most_restrictive(findings)
    if most < BLOCK:
        head.route = max(head.route, 1 if most == REQUIRE_APPROVAL else 0)
        return ALLOW, head.route, None
    standing = all(f.code in ("owner.human", "halted") for f in findings if f.verdict >= BLOCK and f.mode == "enforce")
    if standing and (known := handoff.holding(context)) is not None:
        return BLOCK, 2, known.id
    asked = any(f.code == handoff.ASKED for f in findings)
    calling = [f for f in findings if f.verdict >= BLOCK]
    return BLOCK, 2, handoff.open_for(context, "route", calling, asked=asked, holds=True).id


def taken_over(context: FoldContext) -> None:
    """A person has written to the customer: the AI is silent until the conversation is returned, by its handoff."""
    if context.conversation.head.owned:
        return
    message = "A person has written to the customer, and has the conversation now."
    finding = Finding("owner.human", BLOCK, message, {"source": context.source})
    handoff.open_for(context, "escalation", [finding], holds=True)


def execution_halt(context: FoldContext, finding: Finding) -> None:
    """A halt that no proposal asked for."""
    if context.conversation.head.halt:
        return
    handoff_id = halt(context, [finding])
    decision.emit(context, "execution", HALT, [finding], route=2, handoff_id=handoff_id)
