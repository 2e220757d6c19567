"""What humans answer: the copies of resolutions and claims in the conversation's own partition."""

from typing import Any

from handrail.schemas.identity import among
from handrail.streams.governor import approvals, decision, handoff, judge, speaker
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.call import Call
from handrail.streams.governor.calls import answer_of, call_of
from handrail.streams.governor.finding import ALLOW, BLOCK, REQUIRE_APPROVAL, Finding
from handrail.streams.governor.state import Approval, OpenHandoff, part_of
from handrail.streams.governor.turn import Turn

AGENTS = "/agents/"  # what the source of an agent begins with, unless it says otherwise
CLAIMED = "handrail.handoff.claimed.v1"


def fold(turn: Turn, data: dict[str, Any]) -> None:
    """Fold the copy of what a human did: `data` is that of a `control.resolution`."""
    if data["type"] == CLAIMED:
        claimed(turn, data["resolution"])
    else:
        resolved(turn, data["resolution"], because=f"{data['source']}|{data['id']}")


def resolved(turn: Turn, resolution: dict[str, Any], because: str) -> None:
    """Fold one resolution; what names no open handoff came too late and changes nothing."""
    head = turn.case.head
    found = next((one for one in head.handoffs if one.id == resolution["handoff_id"]), None)
    if found is None:
        return
    approval = next((one for one in head.approvals if one.handoff_id == found.id), None)
    if resolution["outcome"] != "denied" and _is_agent(turn, approval, by := resolution["by"]["id"]):
        message = f"an agent answered handoff {found.id}, which only a person may: nothing has changed"
        raise_alert(turn, "bypass", "high", message, handoff_id=found.id, by=by, outcome=resolution["outcome"])
        return
    if approval is not None:
        _answer(turn, found, approval, resolution, because)
    else:
        _given_back(turn, found, resolution)
        handoff.close(turn, found, "resolved")


def _given_back(turn: Turn, back: OpenHandoff, resolution: dict[str, Any]) -> None:
    """With `returned` the conversation is the AI's again, unless a person has it for another handoff that is open."""
    head = turn.case.head
    others = (one for one in head.handoffs if one is not back)
    if resolution["outcome"] == "returned" and not any(handoff.holds(turn, one) for one in others):
        head.owned, head.route, head.said = False, 0, b""


def claimed(turn: Turn, claim: dict[str, Any]) -> None:
    """Somebody works on the handoff."""
    for one in turn.case.head.handoffs:
        if one.id == claim["handoff_id"]:
            one.claimed_by = claim["by"]["id"]


def _is_agent(turn: Turn, approval: Approval | None, by: str) -> bool:
    """Whether it is an agent of this conversation, or one that the bundle names: it may say no, and nothing else."""
    head = turn.case.head
    named = {head.agent_id, *(one.agent_id for one in head.executions)}
    if approval is not None:
        waited = turn.case.part(part_of("a", approval.handoff_id))
        named |= {waited["agent_id"], waited["source"]}
    name = by.strip().removeprefix(AGENTS)
    return among(by, named) or among(name, named) or turn.bundle.lists_agent(name)


def _answer(turn: Turn, opened: OpenHandoff, approval: Approval, resolution: dict[str, Any], because: str) -> None:
    waited: dict[str, Any] = turn.case.part(part_of("a", approval.handoff_id))
    by, digest = resolution["by"]["id"], resolution.get("action_digest")
    if digest is not None and digest != waited["digest"]:
        message = f"resolution of {approval.handoff_id} names another action than the one that waits"
        raise_alert(turn, "bypass", "high", message, handoff_id=approval.handoff_id, by=by, action_digest=digest)
        return
    if resolution["outcome"] != "approved":
        message = f"{by} has denied it." if resolution["outcome"] == "denied" else f"{by} has taken it over."
        finding = Finding("approval.denied", BLOCK, message, {"by": by, "note": resolution.get("note")}, escalate=False)
        _given_back(turn, opened, resolution)
        _release(turn, approval, finding, because, cause="resolved")
        return
    seen = resolution.get("revision") or 1
    if not opened.revision_min <= seen <= opened.revision:
        _outdated(turn, opened, approval, by, seen, because)
        return
    if not among(by, approval.by):
        approval.by = [*approval.by, by]
    if len(approval.by) < approval.needed:
        handoff.revise(turn, opened, approvals={"needed": approval.needed, "by": approval.by})
        return
    message = f"{' and '.join(approval.by)} approved it."
    finding = Finding("approval.granted", ALLOW, message, {"by": approval.by, "note": resolution.get("note")})
    _release(turn, approval, finding, because, cause="resolved")


def _outdated(turn: Turn, opened: OpenHandoff, approval: Approval, by: str, seen: int, because: str) -> None:
    """Whoever approved has not seen what happened since: nothing is released, the handoff stays open until it expires.

    Its news come first in the next revision. Approvals of before do not count any more.
    """
    approval.by = []
    waited: dict[str, Any] = turn.case.part(part_of("a", approval.handoff_id))
    one = _waiting(turn, waited)
    handoff.revise(turn, opened, approvals={"needed": approval.needed, "by": []})
    evidence = {"by": by, "field": "revision", "value": seen, "threshold": opened.revision_min}
    message = (
        f"{by} approved revision {seen} of the handoff; the customer wrote or acted, or something ran, after it: look "
        f"at revision {opened.revision}."
        if seen < opened.revision_min
        else f"{by} approved revision {seen} of the handoff, which does not exist: look at revision {opened.revision}."
    )
    decision.emit(
        turn,
        "release",
        REQUIRE_APPROVAL,
        [Finding("approval.outdated", REQUIRE_APPROVAL, message, evidence)],
        route=2 if turn.case.head.owned else turn.case.head.route,
        action_id=one.action_id,
        digest=waited["digest"],
        handoff_id=approval.handoff_id,
        because=because,
    )


def expired(turn: Turn, approval: Approval, because: str) -> None:
    """Nobody answered in time: expiry is denial of this proposal, not of the call for ever."""
    finding = Finding("approval.expired", BLOCK, "Nobody approved it in time.", {}, escalate=False)
    _release(turn, approval, finding, because, cause="expired")


def _release(turn: Turn, approval: Approval, finding: Finding, because: str, cause: str) -> None:
    waited = approvals.take(turn, approval, cause)
    one = _waiting(turn, waited)
    if finding.verdict == ALLOW:
        approvals.grant(turn, waited, one, judge.again, finding, approval, because)
    else:
        approvals.deny(turn, waited, one, finding, approval, because)


def _waiting(turn: Turn, waited: dict[str, Any]) -> Call:
    """The call that waits; from here on the turn is about its proposal."""
    turn.source, turn.event_id, turn.event_type = waited["source"], waited["id"], waited["type"]
    turn.data, turn.traceparent, turn.agent_id = waited["data"], waited["traceparent"], waited["agent_id"]
    turn.limits = turn.bundle.limits(turn.tenant, turn.agent_id)
    turn.observed, turn.stranger = speaker.standing_of(turn.bundle, turn.agent_id, turn.source, turn.tenant, turn.data)
    turn.execution = turn.case.execution(waited["execution_id"], waited["agent_id"], turn.now_ms)
    return call_of(turn, turn.data) if waited["kind"] == "action" else answer_of(turn, turn.data)
