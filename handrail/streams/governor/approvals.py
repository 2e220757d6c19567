"""Approvals: an action or an answer waits for a human, bound to its exact content, for a limited time, once.

Opened by a verdict `require_approval`; answered by a resolution or by time. The answer is a decision of kind
`release`, for which everything is judged again: an approval outweighs only the findings that the human was shown.
"""

from collections.abc import Callable
from typing import Any

from handrail.schemas.canonical import canonical
from handrail.schemas.clock import to_rfc3339
from handrail.streams.governor import calls_under_way, decision, excerpts, handoff, sums
from handrail.streams.governor.finding import ALLOW, BLOCK, REQUIRE_APPROVAL, Finding, most_restrictive, ordered
from handrail.streams.governor.fold_context import ActionCall, FoldContext
from handrail.streams.governor.handoff import OPEN_MAX
from handrail.streams.governor.rules import Skipped
from handrail.streams.governor.state import Approval, part_of

APPROVALS_MAX = OPEN_MAX  # with the other handoffs open in one conversation
WAITING_BYTES_MAX = 20_000  # of a proposal that waits: a human has to read it
DENIED_MAX = 16

Assess = Callable[[FoldContext, ActionCall], tuple[list[Finding], Skipped]]


def waiting(context: FoldContext, call: ActionCall) -> Approval | None:
    """The open approval of the same call, if there is one."""
    for approval in context.conversation.head.approvals:
        if approval.call == call.key:
            return approval
    return None


def was_denied(context: FoldContext, call: ActionCall) -> Finding | None:
    """After a denial the same call is blocked for the rest of the conversation."""
    denied = context.conversation.head.denied
    if not denied or call.key not in {denied[at : at + 8] for at in range(0, len(denied), 8)}:
        return None
    return Finding("approval.denied", BLOCK, "A human has denied this call.", {"tool": call.named}, escalate=False)


def cannot_wait(context: FoldContext, call: ActionCall) -> Finding | None:
    """A proposal that cannot wait for a human is blocked: too long to read, or too many wait already."""
    size = len(canonical(context.data))
    if size > WAITING_BYTES_MAX:
        message = f"It needs approval but is {size} bytes long; a human is shown at most {WAITING_BYTES_MAX}."
        return Finding("policy", BLOCK, message, {"field": "bytes", "value": size, "threshold": WAITING_BYTES_MAX})
    if len(context.conversation.head.handoffs) >= APPROVALS_MAX:
        message = f"{APPROVALS_MAX} handoffs of this conversation wait for a human already."
        return Finding("policy", BLOCK, message, {"field": "handoffs", "threshold": APPROVALS_MAX})
    return None


def request(context: FoldContext, kind: str, call: ActionCall, findings: list[Finding]) -> str:
    """Open an approval and its handoff; returns the handoff's id."""
    limits = context.limits
    expires_ms = context.now_ms + limits.approval_ttl_s * 1000
    asking = [f for f in findings if f.verdict == REQUIRE_APPROVAL and f.mode == "enforce"]
    needed = max(finding.approvals for finding in asking)
    shown, redacted = excerpts.redact(call.arguments, "pending.arguments")
    pending: dict[str, Any] = {
        "action_id": call.action_id,
        "tool": call.named,
        "arguments": shown,
        "action_digest": call.digest,
        "effect": call.effect,
        "expires_at": to_rfc3339(expires_ms),
    }
    opened = handoff.open_for(
        context,
        "approval",
        findings,
        reason=f"approval|{call.key.hex()}",
        pending=pending,
        approvals=needed,
        redacted=redacted,
    )
    head = context.conversation.head
    head.approvals = [*head.approvals, Approval(opened.digest, call.key, expires_ms, needed)]
    context.conversation.put(
        part_of("a", opened.id),
        {
            "kind": kind,
            "source": context.source,
            "id": context.event_id,
            "type": context.event_type,
            "data": context.data,
            "agent_id": context.agent_id,
            "execution_id": context.execution.id,
            "traceparent": context.traceparent,
            "digest": call.digest,
            "shown": [finding.reason for finding in asking],
        },
    )
    return opened.id


def take(context: FoldContext, approval: Approval, cause: str) -> dict[str, Any]:
    """Remove the approval and close its handoff; returns the proposal that waited."""
    head = context.conversation.head
    waited: dict[str, Any] = context.conversation.part(part_of("a", approval.handoff_id))
    context.conversation.drop(part_of("a", approval.handoff_id))
    head.approvals = [one for one in head.approvals if one.handoff_id != approval.handoff_id]
    for one in head.handoffs:
        if one.id == approval.handoff_id:
            handoff.close(context, one, cause)
    return waited


def deny(
    context: FoldContext, waited: dict[str, Any], call: ActionCall, finding: Finding, approval: Approval, because: str
) -> None:
    """Release with `block`: the human said no, or nobody said yes in time."""
    head = context.conversation.head
    if finding.code == "approval.denied":
        head.denied = (head.denied + call.key)[-DENIED_MAX * 8 :]
    decision.emit(
        context,
        "release",
        BLOCK,
        [finding],
        route=context.conversation.route,
        action_id=call.action_id,
        digest=waited["digest"],
        handoff_id=approval.handoff_id,
        because=because,
    )


def grant(
    context: FoldContext,
    waited: dict[str, Any],
    call: ActionCall,
    assess: Assess,
    finding: Finding,
    approval: Approval,
    because: str,
) -> None:
    """Judge everything again and release: allowed unless something stands against it that the human was not shown."""
    findings, skipped = assess(context, call)
    left = [f for f in findings if not (f.verdict == REQUIRE_APPROVAL and f.reason in waited["shown"])]
    verdict = most_restrictive(left)
    handoff_id = approval.handoff_id
    if verdict == REQUIRE_APPROVAL:
        handoff_id = request(context, waited["kind"], call, left)
    if verdict == ALLOW:
        calls_under_way.begun(context.conversation, call, allowed=True)
        if waited["kind"] == "action":
            sums.allowed(context, call)
    decision.emit(
        context,
        "release",
        verdict,
        ordered([finding, *left]) if verdict == ALLOW else [*ordered(left), finding],
        route=context.conversation.route,
        action_id=call.action_id,
        digest=call.digest,
        handoff_id=handoff_id,
        because=because,
        skipped=skipped,
    )
