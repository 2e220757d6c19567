"""What humans answer: the copies of resolutions and claims in the conversation's own partition."""

from typing import Any

from msgspec import structs

from handrail.schemas.event_types import HANDOFF_CLAIMED
from handrail.schemas.identity import among
from handrail.streams.governor import agent_identity, approvals, assessment, decision, handoff
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.calls import answer_of, call_of
from handrail.streams.governor.finding import ALLOW, BLOCK, REQUIRE_APPROVAL, Finding
from handrail.streams.governor.fold_context import ActionCall, FoldContext
from handrail.streams.governor.state import Approval, OpenHandoff, part_of

AGENTS = "/agents/"  # what the source of an agent begins with, unless it says otherwise


def fold(context: FoldContext, data: dict[str, Any]) -> None:
    """Fold the copy of what a human did: `data` is that of a `control.resolution`."""
    if data["type"] == HANDOFF_CLAIMED:
        claimed(context, data["resolution"])
    else:
        resolved(context, data["resolution"], because=f"{data['source']}|{data['id']}")


def resolved(context: FoldContext, resolution: dict[str, Any], because: str) -> None:
    """Fold one resolution; what names no open handoff came too late and changes nothing."""
    head = context.conversation.head
    opened = next((each for each in head.handoffs if each.id == resolution["handoff_id"]), None)
    if opened is None:
        return
    approval = next((approval for approval in head.approvals if approval.handoff_id == opened.id), None)
    if resolution["outcome"] != "denied" and _is_agent(context, approval, by := resolution["by"]["id"]):
        message = f"an agent answered handoff {opened.id}, which only a person may: nothing has changed"
        raise_alert(context, "bypass", "high", message, handoff_id=opened.id, by=by, outcome=resolution["outcome"])
        return
    if approval is not None:
        _answer(context, opened, approval, resolution, because)
    else:
        _given_back(context, opened, resolution)
        handoff.close(context, opened, "resolved")


def _given_back(context: FoldContext, back: OpenHandoff, resolution: dict[str, Any]) -> None:
    """With `returned` the conversation is the AI's again, unless a person has it for another handoff that is open."""
    head = context.conversation.head
    others = (other for other in head.handoffs if other is not back)
    if resolution["outcome"] == "returned" and not any(handoff.holds(context, other) for other in others):
        head.owned, head.route, head.said = False, 0, b""


def claimed(context: FoldContext, claim: dict[str, Any]) -> None:
    """Somebody works on the handoff."""
    for opened in context.conversation.head.handoffs:
        if opened.id == claim["handoff_id"]:
            opened.claimed_by = claim["by"]["id"]


def _is_agent(context: FoldContext, approval: Approval | None, by: str) -> bool:
    """Whether it is an agent of this conversation, or one that the bundle names: it may say no, and nothing else."""
    head = context.conversation.head
    named = {head.agent_id, *(execution.agent_id for execution in head.executions)}
    if approval is not None:
        waited = context.conversation.part(part_of("a", approval.handoff_id))
        named |= {waited["agent_id"], waited["source"]}
    name = by.strip().removeprefix(AGENTS)
    return among(by, named) or among(name, named) or context.bundle.lists_agent(name)


def _answer(
    context: FoldContext, opened: OpenHandoff, approval: Approval, resolution: dict[str, Any], because: str
) -> None:
    waited: dict[str, Any] = context.conversation.part(part_of("a", approval.handoff_id))
    by, digest = resolution["by"]["id"], resolution.get("action_digest")
    if digest is not None and digest != waited["digest"]:
        message = f"resolution of {approval.handoff_id} names another action than the one that waits"
        raise_alert(context, "bypass", "high", message, handoff_id=approval.handoff_id, by=by, action_digest=digest)
        return
    if resolution["outcome"] != "approved":
        message = f"{by} has denied it." if resolution["outcome"] == "denied" else f"{by} has taken it over."
        finding = Finding("approval.denied", BLOCK, message, {"by": by, "note": resolution.get("note")}, escalate=False)
        _given_back(context, opened, resolution)
        _release(context, approval, finding, because, cause="resolved")
        return
    revision = resolution.get("revision") or 1
    if not opened.revision_min <= revision <= opened.revision:
        _outdated(context, opened, approval, by, revision, because)
        return
    if not among(by, approval.by):
        approval.by = [*approval.by, by]
    if len(approval.by) < approval.needed:
        handoff.revise(context, opened, approvals={"needed": approval.needed, "by": approval.by})
        return
    message = f"{' and '.join(approval.by)} approved it."
    finding = Finding("approval.granted", ALLOW, message, {"by": approval.by, "note": resolution.get("note")})
    _release(context, approval, finding, because, cause="resolved")


def _outdated(
    context: FoldContext, opened: OpenHandoff, approval: Approval, by: str, revision: int, because: str
) -> None:
    """Whoever approved has not seen what happened since: nothing is released, the handoff stays open until it expires.

    Its news come first in the next revision. Approvals of before do not count any more.
    """
    approval.by = []
    waited: dict[str, Any] = context.conversation.part(part_of("a", approval.handoff_id))
    proposal, call = _waiting_proposal(context, waited)
    handoff.revise(proposal, opened, approvals={"needed": approval.needed, "by": []})
    evidence = {"by": by, "field": "revision", "value": revision, "threshold": opened.revision_min}
    approved, look = f"{by} approved revision {revision} of the handoff", f"look at revision {opened.revision}."
    message = (
        f"{approved}; the customer wrote or acted, or something ran, after it: {look}"
        if revision < opened.revision_min
        else f"{approved}, which does not exist: {look}"
    )
    decision.emit(
        proposal,
        "release",
        REQUIRE_APPROVAL,
        [Finding("approval.outdated", REQUIRE_APPROVAL, message, evidence)],
        route=proposal.conversation.route,
        action_id=call.action_id,
        digest=waited["digest"],
        handoff_id=approval.handoff_id,
        because=because,
    )


def expired(context: FoldContext, approval: Approval, because: str) -> None:
    """Nobody answered in time: expiry is denial of this proposal, not of the call for ever."""
    finding = Finding("approval.expired", BLOCK, "Nobody approved it in time.", {}, escalate=False)
    _release(context, approval, finding, because, cause="expired")


def _release(context: FoldContext, approval: Approval, finding: Finding, because: str, cause: str) -> None:
    waited = approvals.take(context, approval, cause)
    proposal, call = _waiting_proposal(context, waited)
    if finding.verdict == ALLOW:
        approvals.grant(proposal, waited, call, assessment.of_release, finding, approval, because)
    else:
        approvals.deny(proposal, waited, call, finding, approval, because)


def _waiting_proposal(context: FoldContext, waited: dict[str, Any]) -> tuple[FoldContext, ActionCall]:
    """(the context of the waiting proposal, which a release answers, the call that waits).

    A copy: the conversation, the partition and the list of outputs are those of the record that releases.
    """
    agent_id, source, data = waited["agent_id"], waited["source"], waited["data"]
    observed, stranger = agent_identity.standing_of(context.bundle, agent_id, source, context.tenant, data)
    proposal = structs.replace(
        context,
        source=source,
        event_id=waited["id"],
        event_type=waited["type"],
        data=data,
        traceparent=waited["traceparent"],
        agent_id=agent_id,
        limits=context.bundle.limits(context.tenant, agent_id),
        observed=observed,
        stranger=stranger,
        execution=context.conversation.execution(waited["execution_id"], agent_id, context.now_ms),
    )
    return proposal, call_of(proposal, data) if waited["kind"] == "action" else answer_of(proposal, data)
