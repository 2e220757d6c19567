"""What came of a person's answer, read from what the governor wrote after it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from handrail.desk.board import CLOSED, HANDOFF, RESOLUTION, HandoffCase
from handrail.desk.words import call
from handrail.schemas.identity import among, same

DECISION, ALERT = "handrail.decision.v1", "handrail.alert.v1"
SAID = {"approved": "approved", "denied": "denied", "resolved": "resolved", "returned": "returned"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line for the person, and whether the answer counted."""

    line: str
    counts: bool


def beaten(case: HandoffCase, ahead: Sequence[dict[str, Any]]) -> Outcome | None:
    """Somebody else's answer that came first and closed the handoff; of an approval the governor's release tells."""
    if case.pending is not None:
        return None
    first = next((one["data"] for one in ahead if _closes(one, case)), None)
    if first is None:
        return None
    return Outcome(f"too late: {first['by']['id']} answered first ({SAID[first['outcome']]})", counts=False)


def _closes(event: dict[str, Any], case: HandoffCase) -> bool:
    return bool(event["type"] == RESOLUTION and event["data"]["handoff_id"] == case.id)


def of(case: HandoffCase, outcome: str, by: str, event: dict[str, Any]) -> Outcome | None:
    """What this event says of the answer `outcome` by the person `by`; None where it says nothing of it."""
    kind, data = event["type"], event["data"]
    if kind == ALERT:
        return _alert(case, data)
    if kind == CLOSED and data["handoff_id"] == case.id:
        return _closed(case, outcome, data)
    if kind == HANDOFF and data["handoff_id"] == case.id:
        return _waits(outcome, by, data)
    if kind == DECISION and data["kind"] == "release" and case.pending is not None:
        return _release(case, by, data) if data["action_digest"] == case.pending["action_digest"] else None
    return None


def _alert(case: HandoffCase, data: dict[str, Any]) -> Outcome | None:
    if data["kind"] != "bypass" or data["evidence"].get("handoff_id") != case.id:
        return None
    return Outcome(f"not counted: {data.get('message', 'it names another action')}", counts=False)


def _closed(case: HandoffCase, outcome: str, data: dict[str, Any]) -> Outcome | None:
    if data["cause"] not in ("resolved", "expired"):
        return Outcome(f"too late: it was {data['cause']}", counts=False)
    if case.pending is not None:  # the release says more
        return None
    if outcome == "resolved":
        return Outcome("resolved: a human keeps the conversation; what the customer asks next comes here", counts=True)
    if case.halted:
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


def _release(case: HandoffCase, by: str, data: dict[str, Any]) -> Outcome | None:
    answer = next(one for one in data["reasons"] if one["code"].startswith("approval."))
    code, who = answer["code"], answer["evidence"].get("by")
    action = call(case.pending or {})
    if code == "approval.outdated":
        return _outdated(answer) if who == by else None
    if code == "approval.expired":
        return Outcome(f"too late: it expired at {case.record['due_at']}", counts=False)
    if code == "approval.denied":
        return _denied(action, by, str(who))
    if not among(by, who or ()):
        return Outcome(f"too late: {' and '.join(who)} had approved it already", counts=False)
    if data["verdict"] == "allow":
        return Outcome(f"approved: the agent may now {action} (until {data['expires_at']})", counts=True)
    against = next(one for one in data["reasons"] if one["code"] != "approval.granted")
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
