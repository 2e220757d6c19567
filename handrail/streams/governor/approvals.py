"""Approvals: an action or an answer waits for a human, bound to its exact content, for a limited time, once.

Opened by a verdict `require_approval`; answered by a resolution or by time. The answer is a decision of kind
`release`, for which everything is judged again: an approval outweighs only what the human was shown.
"""

from collections.abc import Callable
from typing import Any

from handrail.schemas.canonical import canonical
from handrail.schemas.clock import to_rfc3339
from handrail.streams.governor import decision, handoff, kept, sums, underway
from handrail.streams.governor.call import Call
from handrail.streams.governor.finding import ALLOW, BLOCK, REQUIRE_APPROVAL, Finding, most_restrictive, ordered
from handrail.streams.governor.handoff import OPEN_MAX
from handrail.streams.governor.rules import Skipped
from handrail.streams.governor.state import Approval, part_of
from handrail.streams.governor.turn import Turn

APPROVALS_MAX = OPEN_MAX  # with the other handoffs open in one conversation
WAITING_BYTES_MAX = 20_000  # of a proposal that waits: a human has to read it
DENIED_MAX = 16

Judge = Callable[[Turn, Call], tuple[list[Finding], Skipped]]


def waiting(turn: Turn, call: Call) -> Approval | None:
    """The open approval of the same call, if there is one."""
    for one in turn.case.head.approvals:
        if one.call == call.key:
            return one
    return None


def was_denied(turn: Turn, call: Call) -> Finding | None:
    """After a denial the same call is blocked for the rest of the conversation."""
    denied = turn.case.head.denied
    if not denied or call.key not in {denied[at : at + 8] for at in range(0, len(denied), 8)}:
        return None
    return Finding("approval.denied", BLOCK, "A human has denied this call.", {"tool": call.named}, escalate=False)


def cannot_wait(turn: Turn, call: Call) -> Finding | None:
    """A proposal that no human could be asked about is blocked: too long to read, or too many wait already."""
    size = len(canonical(turn.data))
    if size > WAITING_BYTES_MAX:
        message = f"It needs approval but is {size} bytes long; a human is shown at most {WAITING_BYTES_MAX}."
        return Finding("policy", BLOCK, message, {"field": "bytes", "value": size, "threshold": WAITING_BYTES_MAX})
    if len(turn.case.head.handoffs) >= APPROVALS_MAX:
        message = f"{APPROVALS_MAX} handoffs of this conversation wait for a human already."
        return Finding("policy", BLOCK, message, {"field": "handoffs", "threshold": APPROVALS_MAX})
    return None


def request(turn: Turn, kind: str, call: Call, findings: list[Finding]) -> str:
    """Open an approval and its handoff; the handoff's id."""
    limits = turn.limits
    expires_ms = turn.now_ms + limits.approval_ttl_s * 1000
    asking = [f for f in findings if f.verdict == REQUIRE_APPROVAL and f.mode == "enforce"]
    needed = max(finding.approvals for finding in asking)
    shown, redacted = kept.redact(call.arguments, "pending.arguments")
    pending: dict[str, Any] = {
        "action_id": call.action_id,
        "tool": call.named,
        "arguments": shown,
        "action_digest": call.digest,
        "effect": call.effect,
        "expires_at": to_rfc3339(expires_ms),
    }
    opened = handoff.open_one(
        turn,
        "approval",
        findings,
        reason=f"approval|{call.key.hex()}",
        pending=pending,
        approvals=needed,
        redacted=redacted,
    )
    head = turn.case.head
    head.approvals = [*head.approvals, Approval(opened.digest, call.key, expires_ms, needed)]
    turn.case.put(
        part_of("a", opened.id),
        {
            "kind": kind,
            "source": turn.source,
            "id": turn.event_id,
            "type": turn.event_type,
            "data": turn.data,
            "agent_id": turn.agent_id,
            "execution_id": turn.execution.id,
            "traceparent": turn.traceparent,
            "digest": call.digest,
            "shown": [finding.reason for finding in asking],
        },
    )
    return opened.id


def take(turn: Turn, approval: Approval, cause: str) -> dict[str, Any]:
    """Remove the approval and close its handoff; the proposal that waited."""
    head = turn.case.head
    waited: dict[str, Any] = turn.case.part(part_of("a", approval.handoff_id))
    turn.case.drop(part_of("a", approval.handoff_id))
    head.approvals = [one for one in head.approvals if one.handoff_id != approval.handoff_id]
    for one in head.handoffs:
        if one.id == approval.handoff_id:
            handoff.close(turn, one, cause)
    return waited


def deny(turn: Turn, kind_of: dict[str, Any], call: Call, finding: Finding, approval: Approval, because: str) -> None:
    """Release with `block`: the human said no, or nobody said yes in time."""
    head = turn.case.head
    if finding.code == "approval.denied":
        head.denied = (head.denied + call.key)[-DENIED_MAX * 8 :]
    decision.emit(
        turn,
        "release",
        BLOCK,
        [finding],
        route=2 if head.owned else head.route,
        action_id=call.action_id,
        digest=kind_of["digest"],
        handoff_id=approval.handoff_id,
        because=because,
    )


def grant(
    turn: Turn, waited: dict[str, Any], call: Call, judge: Judge, finding: Finding, approval: Approval, because: str
) -> None:
    """Judge everything again and release: allowed unless something stands against it that the human was not shown."""
    found, skipped = judge(turn, call)
    left = [f for f in found if not (f.verdict == REQUIRE_APPROVAL and f.reason in waited["shown"])]
    verdict = most_restrictive(left)
    handoff_id = approval.handoff_id
    if verdict == REQUIRE_APPROVAL:
        handoff_id = request(turn, waited["kind"], call, left)
    if verdict == ALLOW:
        underway.begun(turn.case, call, allowed=True)
        if waited["kind"] == "action":
            sums.allowed(turn, call)
    decision.emit(
        turn,
        "release",
        verdict,
        ordered([finding, *left]) if verdict == ALLOW else [*ordered(left), finding],
        route=2 if turn.case.head.owned else turn.case.head.route,
        action_id=call.action_id,
        digest=call.digest,
        handoff_id=handoff_id,
        because=because,
        skipped=skipped,
    )
