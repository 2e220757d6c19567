"""What follows from a verdict: who owns the conversation, and which handoff carries it."""

from handrail.streams.governor import approvals, decision, handoff
from handrail.streams.governor.call import Call
from handrail.streams.governor.finding import ALLOW, BLOCK, HALT, REQUIRE_APPROVAL, Finding, most_restrictive, ordered
from handrail.streams.governor.turn import Turn

TAKES_OVER = ("loop.response", "loop.customer", "customer.asked")


def halt(turn: Turn, findings: list[Finding]) -> str:
    """Halt the conversation for good and hand it off; the handoff's id."""
    head = turn.case.head
    cause = next(f for f in ordered(findings) if f.verdict == HALT)
    if not head.halt:
        head.halt = cause.code
    return handoff.open_one(turn, "escalation", [cause, *(f for f in findings if f is not cause)], holds=True).id


def consequence(turn: Turn, kind: str, call: Call, findings: list[Finding]) -> tuple[int, list[Finding], str | None]:
    """(verdict, findings, handoff id) of a proposal, after opening whatever it calls for."""
    head = turn.case.head
    verdict = most_restrictive(findings)
    if verdict == REQUIRE_APPROVAL:
        refused = approvals.cannot_wait(turn, call)
        if refused is None:
            return verdict, findings, approvals.request(turn, kind, call, findings)
        findings, verdict = [*findings, refused], BLOCK
    if verdict == ALLOW:
        return verdict, findings, None
    if verdict == HALT:
        known = handoff.holding(turn) if head.halt else None
        return verdict, findings, known.id if known else halt(turn, findings)
    return verdict, findings, called(turn, findings)


def called(turn: Turn, findings: list[Finding]) -> str | None:
    """The handoff that findings which block call a person by, opened where there is none; None where none calls."""
    head = turn.case.head
    calling = [f for f in findings if f.verdict == BLOCK and f.mode == "enforce" and f.escalate]
    if not calling:
        known = handoff.holding(turn) if head.owned else None
        return known.id if known else None
    takes_over = any(f.code in TAKES_OVER for f in calling)
    others = [f for f in findings if f not in calling]
    return handoff.open_one(turn, "escalation", calling + others, holds=takes_over).id


def route(turn: Turn, findings: list[Finding]) -> tuple[int, int, str | None]:
    """(verdict, route, handoff id) of a query. A human's route owns the conversation from then on."""
    head = turn.case.head
    most = most_restrictive(findings)
    if most < BLOCK:
        head.route = max(head.route, 1 if most == REQUIRE_APPROVAL else 0)
        return ALLOW, head.route, None
    standing = all(f.code in ("owner.human", "halted") for f in findings if f.verdict >= BLOCK and f.mode == "enforce")
    if standing and (known := handoff.holding(turn)) is not None:
        return BLOCK, 2, known.id
    asked = any(f.code == handoff.ASKED for f in findings)
    calling = [f for f in findings if f.verdict >= BLOCK]
    return BLOCK, 2, handoff.open_one(turn, "route", calling, asked=asked, holds=True).id


def taken_over(turn: Turn) -> None:
    """A person has written to the customer: the AI is silent until the conversation is returned, by its handoff."""
    if turn.case.head.owned:
        return
    message = "A person has written to the customer, and has the conversation now."
    finding = Finding("owner.human", BLOCK, message, {"source": turn.source})
    handoff.open_one(turn, "escalation", [finding], holds=True)


def execution_halt(turn: Turn, finding: Finding) -> None:
    """A halt that no proposal asked for."""
    if turn.case.head.halt:
        return
    handoff_id = halt(turn, [finding])
    decision.emit(turn, "execution", HALT, [finding], route=2, handoff_id=handoff_id)
