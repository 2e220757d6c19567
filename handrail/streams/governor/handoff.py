"""Handoffs: opening one for each reason, sending it again when it changes, closing it.

A revision in full replaces the ones before it. What happens in the conversation while a handoff is open is a revision
with `since`: it holds only what is new (news.py), since a long conversation would fill the log with its own copies.
"""

from hashlib import sha256
from typing import Any

import orjson

from handrail.policies import RouteRule
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.event_types import EXECUTION_ENDED, HANDOFF, HANDOFF_CLOSED
from handrail.schemas.topics import HANDOFFS
from handrail.streams.governor import decision, handoff_body, news
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.finding import HALT, Finding, ordered
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.redaction import NAMED, Redactions
from handrail.streams.governor.state import OpenHandoff, handoff_id, part_of

OPEN_MAX = 8  # of one conversation; beyond that the latest one that is no approval serves, see `_needs_its_own`
ASKED = "customer.asked"
REASONS_MAX = 20
DUE_IN_S, ASKED_DUE_IN_S = 3600, 600

NEXT_STEPS = {
    "approval": [
        "Check the pending action against the attempts before it.",
        "Approve or deny it before it expires.",
    ],
    "route": ["Answer the customer: the AI does not speak here any more.", "Return the conversation when done."],
    "escalation": [
        "Read the reason and the latest attempts.",
        "Answer the customer, then resolve or return the conversation.",
    ],
}


ID_BYTES, REASON_BYTES = 12, 8


def open_for(
    context: FoldContext,
    kind: str,
    findings: list[Finding],
    *,
    reason: str | None = None,
    pending: dict[str, Any] | None = None,
    asked: bool = False,
    holds: bool = False,
    approvals: int = 0,
    redacted: list[str] | None = None,
) -> OpenHandoff:
    """The open handoff for this reason: the one there is, else a new one, which is sent.

    `findings` is not empty; the most restrictive comes first and is the reason. `asked`: the customer asked for it, and
    that is the reason. `holds`: a person has the conversation from now on, until this handoff is given back.
    """
    sorted_findings = ordered(findings)
    if asked:
        sorted_findings = sorted(sorted_findings, key=lambda finding: finding.code != ASKED)
    name = reason or sorted_findings[0].reason
    known = sha256(name.encode()).digest()[:REASON_BYTES]
    head = context.conversation.head
    serves = next((opened for opened in head.handoffs if opened.reason == known), None)
    if serves is None and len(head.handoffs) >= OPEN_MAX and not _needs_its_own(sorted_findings[0], pending):
        serves = _latest(context)
    if serves is not None:
        return _hold(context, _awaited(context, serves, asked)) if holds else _awaited(context, serves, asked)
    seed = orjson.dumps([context.source, context.event_id, context.conversation.id, name, context.offset])
    handoff = OpenHandoff(sha256(seed).digest()[:ID_BYTES], known, context.now_ms)
    basis = _basis(context, kind, sorted_findings, pending, asked, approvals, redacted or []) | {"holds": holds}
    _awaited(context, handoff, asked)
    head.owned = head.owned or holds
    head.handoffs = [*head.handoffs, handoff]
    head.last_handoff = handoff.digest
    context.conversation.put(part_of("h", handoff.id), basis)
    send(context, handoff, basis)
    return handoff


def _needs_its_own(cause: Finding, pending: dict[str, Any] | None) -> bool:
    """Whether no other handoff may stand for it, however many are open: at most five more, approvals are counted.

    A customer's request for a person, a person who has taken over, a halt: who answers another handoff would end
    them unseen.
    """
    return pending is not None or cause.code in (ASKED, "owner.human") or cause.verdict == HALT


def _latest(context: FoldContext) -> OpenHandoff | None:
    """The latest open handoff that is no approval: an approval ends with its action."""
    waiting = {approval.handoff for approval in context.conversation.head.approvals}
    return next(
        (opened for opened in reversed(context.conversation.head.handoffs) if opened.digest not in waiting), None
    )


def holding(context: FoldContext) -> OpenHandoff | None:
    """The latest open handoff for which a person has the conversation."""
    return next((opened for opened in reversed(context.conversation.head.handoffs) if holds(context, opened)), None)


def holds(context: FoldContext, handoff: OpenHandoff) -> bool:
    """Whether a person has the conversation until this open handoff is given back."""
    return bool(context.conversation.part(part_of("h", handoff.id))["holds"])


def _hold(context: FoldContext, handoff: OpenHandoff) -> OpenHandoff:
    context.conversation.head.owned = True
    name = part_of("h", handoff.id)
    basis = context.conversation.part(name)
    if not basis["holds"]:
        context.conversation.put(name, {**basis, "holds": True})
    return handoff


def _basis(
    context: FoldContext,
    kind: str,
    findings: list[Finding],
    pending: dict[str, Any] | None,
    asked: bool,
    approvals: int,
    redacted: list[str],
) -> dict[str, Any]:
    rule, due_in_ms = _route(context, asked)
    urgent = findings[0].verdict == HALT or (context.conversation.head.classification or ("", "", "low"))[2] == "high"
    redactions = Redactions()
    for path in redacted:
        redactions.add(path, [NAMED])
    reasons = [finding.as_dict() for finding in findings[:REASONS_MAX]]
    return {
        "kind": kind,
        "reason": handoff_body.shown_reason(reasons[0], "reason", redactions),
        "reasons": [
            handoff_body.shown_reason(reason, f"reasons[{at}]", redactions) for at, reason in enumerate(reasons)
        ],
        "pending": pending,
        "queue": rule.queue if rule else context.bundle.default_queue,
        "skills": list(rule.skills) if rule else [],
        "priority": rule.priority if rule else ("high" if urgent else "normal"),
        "due_at": pending["expires_at"] if pending else to_rfc3339(context.now_ms + due_in_ms),
        "next_steps": NEXT_STEPS[kind],
        "approvals": {"needed": approvals, "by": []} if approvals else None,
        "follows": handoff_id(last) if (last := context.conversation.head.last_handoff) else None,
        "redactions": redactions.rows(),
        "opened_offset": context.offset,
    }


def _route(context: FoldContext, asked: bool) -> tuple[RouteRule | None, int]:
    """(the route that a handoff takes now, the milliseconds until a person should answer)."""
    known = (decision.classification(context) or {}) | ({"wants_human": True} if asked else {})
    rule = context.bundle.route_for(
        {**known, "attributes": context.data.get("attributes") or {}, "customer": context.conversation.customer}
    )
    return rule, (rule.due_in_s if rule else ASKED_DUE_IN_S if asked else DUE_IN_S) * 1000


def _awaited(context: FoldContext, handoff: OpenHandoff, asked: bool) -> OpenHandoff:
    """The handoff, with the time of the customer's request running in it; of recorded history nobody waits."""
    if asked and not context.recorded and not handoff.due_ms:
        handoff.due_ms = context.now_ms + _route(context, asked)[1]
    return handoff


def send(context: FoldContext, handoff: OpenHandoff, basis: dict[str, Any]) -> None:
    """Emit the handoff as it stands now; the first one that is incomplete raises an alert."""
    data = handoff_body.body(context, handoff, basis)
    context.emit(HANDOFFS, HANDOFF, f"{handoff.id}.{handoff.revision}", data)
    missing = data["completeness"]["missing"]
    if missing and handoff.revision == 1:
        message = f"handoff {handoff.id} lacks {', '.join(missing)}"
        raise_alert(context, "completeness", "low", message, handoff_id=handoff.id, **data["completeness"])


def revise(context: FoldContext, handoff: OpenHandoff, **changes: Any) -> None:
    """Send an open handoff again in full, with what changed and a higher revision."""
    name = part_of("h", handoff.id)
    basis = {**context.conversation.part(name), **changes}
    handoff.revision += 1
    context.conversation.put(name, basis)
    send(context, handoff, basis)


def follow(context: FoldContext, opened: list[OpenHandoff], first_entry: int) -> None:
    """Revise the handoffs that were open before this event, where it added to the conversation.

    `first_entry` is the number of the first entry that the event added.
    """
    outcome = context.data["outcome"] if context.event_type == EXECUTION_ENDED else None
    still = [handoff for handoff in context.conversation.head.handoffs if handoff in opened]
    new = news.of(context, first_entry) if still else news.NOTHING
    if new is news.NOTHING and outcome is None:
        return
    for handoff in still:
        handoff.revision += 1
        if new.outdates:
            handoff.revision_min = handoff.revision
        _update(context, handoff, new, outcome)


def _update(context: FoldContext, handoff: OpenHandoff, new: news.News, outcome: str | None) -> None:
    name = part_of("h", handoff.id)
    basis: dict[str, Any] = context.conversation.part(name)
    changed: dict[str, Any] = {} if outcome is None else {"outcome": outcome}
    if new.outdates and _drop_approvals(context, handoff):
        changed["approvals"] = {**basis["approvals"], "by": []}
    if changed:
        context.conversation.put(name, {**basis, **changed})
    data = handoff_body.update(context, handoff, basis, new, changed)
    context.emit(HANDOFFS, HANDOFF, f"{handoff.id}.{handoff.revision}", data)


def _drop_approvals(context: FoldContext, handoff: OpenHandoff) -> bool:
    """Whoever approved before has not seen what is new; whether anybody had."""
    for approval in context.conversation.head.approvals:
        if approval.handoff_id == handoff.id and approval.by:
            approval.by = []
            return True
    return False


def close(context: FoldContext, handoff: OpenHandoff, cause: str) -> None:
    """Close it: `resolved`, `expired`, `withdrawn` or `superseded`."""
    head = context.conversation.head
    head.handoffs = [other for other in head.handoffs if other.id != handoff.id]
    context.conversation.drop(part_of("h", handoff.id))
    data = {
        "handoff_id": handoff.id,
        "conversation_id": context.conversation.id,
        "cause": cause,
        "owner": "human" if head.owned or head.halt else "ai",
        "at": to_rfc3339(context.now_ms),
    }
    context.emit(HANDOFFS, HANDOFF_CLOSED, f"{handoff.id}.closed", data)
