"""What came of a person's answer, read from what the governor wrote after it. Pure."""

from collections.abc import Sequence
from typing import Any

from handrail.desk.handoff_view import ALERT, CLOSED, DECISION, HANDOFF, RESOLUTION, HandoffView, Outcome
from handrail.desk.words import call, line
from handrail.schemas.identity import among, same


def beaten(handoff: HandoffView, ahead: Sequence[dict[str, Any]]) -> Outcome | None:
    """Too late, where another answer came first and closed the handoff; an approval ends with a release."""
    if handoff.pending is not None:
        return None
    first = next((event["data"] for event in ahead if _closes(event, handoff)), None)
    return None if first is None else late(first)


def late(first: dict[str, Any]) -> Outcome:
    """The outcome of every answer after `first`, which closed the handoff."""
    return Outcome(f"too late: {line(first['by']['id'])} answered first ({first['outcome']})", counts=False)


def _closes(event: dict[str, Any], handoff: HandoffView) -> bool:
    return bool(event["type"] == RESOLUTION and event["data"]["handoff_id"] == handoff.id)


def of(handoff: HandoffView, outcome: str, by: str, event: dict[str, Any]) -> Outcome | None:
    """What this event says of the answer `outcome` by the person `by`; None where it says nothing of it."""
    kind, data = event["type"], event["data"]
    if kind == ALERT:
        return _alert(handoff, data)
    if kind == CLOSED and data["handoff_id"] == handoff.id:
        return _closed(handoff, outcome, data)
    if kind == HANDOFF and data["handoff_id"] == handoff.id:
        return _waits(outcome, by, data)
    if kind == DECISION and data["kind"] == "release" and handoff.pending is not None:
        return _release(handoff, by, data) if data["action_digest"] == handoff.pending["action_digest"] else None
    return None


def _alert(handoff: HandoffView, data: dict[str, Any]) -> Outcome | None:
    if data["kind"] != "bypass" or data["evidence"].get("handoff_id") != handoff.id:
        return None
    return Outcome(f"not counted: {data.get('message', 'it names another action')}", counts=False)


def _closed(handoff: HandoffView, outcome: str, data: dict[str, Any]) -> Outcome | None:
    if data["cause"] not in ("resolved", "expired"):
        return Outcome(f"too late: it was {data['cause']}", counts=False)
    if handoff.pending is not None:  # the release says more
        return None
    if outcome == "resolved":
        return Outcome("resolved: a human keeps the conversation; what the customer asks next comes here", counts=True)
    if handoff.halted:
        return Outcome("returned: but the conversation was halted, so the AI stays stopped in it", counts=True)
    if data["owner"] == "human":
        return Outcome("returned: but people still have the conversation: another handoff of it is open", counts=True)
    return Outcome("returned: the AI may answer again", counts=True)


def _waits(outcome: str, by: str, data: dict[str, Any]) -> Outcome | None:
    approvals = data.get("approvals") or {"needed": 0, "by": []}
    if outcome != "approved" or not among(by, approvals["by"]):
        return None
    count = len(approvals["by"])
    people = "a second person" if approvals["needed"] - count == 1 and count == 1 else "another person"
    return Outcome(f"approved, {count} of {approvals['needed']}: waits for {people}", counts=True)


def _release(handoff: HandoffView, by: str, data: dict[str, Any]) -> Outcome | None:
    answer = next(reason for reason in data["reasons"] if reason["code"].startswith("approval."))
    code, who = answer["code"], answer["evidence"].get("by")
    action = call(handoff.pending or {})
    if code == "approval.outdated":
        return _outdated(answer) if who == by else None
    if code == "approval.expired":
        return Outcome(f"too late: it expired at {handoff.record['due_at']}", counts=False)
    if code == "approval.denied":
        return _denied(action, by, str(who))
    if not among(by, who or ()):
        return Outcome(f"too late: {' and '.join(who)} had approved it already", counts=False)
    if data["verdict"] == "allow":
        return Outcome(f"approved: the agent may now {action} (until {data['expires_at']})", counts=True)
    against = next(reason for reason in data["reasons"] if reason["code"] != "approval.granted")
    stands = f"{against['message']} ({against['code']})"
    if data["verdict"] == "require_approval":
        return Outcome(f"approved, but it waits again, in {data['handoff_id']}: {stands}", counts=False)
    return Outcome(f"approved, but it must not run: {stands}", counts=False)


def _outdated(reason: dict[str, Any]) -> Outcome:
    return Outcome(f"not counted: {reason['message']} It waits on", counts=False)


def _denied(action: str, by: str, who: str) -> Outcome:
    if not same(who, by):
        return Outcome(f"too late: {who} had denied it already", counts=False)
    return Outcome(f"denied: the agent must not {action}; the same call stays blocked in this conversation", True)
