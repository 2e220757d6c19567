"""From a form to an event of the contract, where the handoff, the person and the click allow it. Pure."""

from typing import Any

from handrail.desk import records, words
from handrail.desk.board import HandoffCase
from handrail.desk.web.form import Form
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.errors import HandrailError
from handrail.schemas.fields import By
from handrail.schemas.identity import same
from handrail.schemas.keys import SigningKey
from handrail.schemas.signature import sign_record

SOURCE = "/humans/desk"
APPROVALS = ("approved", "denied")
ROLE_OF = {"approved": "approver", "denied": "approver", "resolved": "agent", "returned": "agent"}


class Refused(HandrailError):
    """It cannot be answered so; nothing was put on the log."""


def claim(case: HandoffCase, person: By, form: Form, key: SigningKey | None, now_ms: int) -> dict[str, Any]:
    """The event that says: this person works on it. Raises Refused, ConfigError."""
    _check_open(case)
    holder = case.claimed_by
    if same(holder, person.id):
        raise Refused("It is yours already.")
    if holder is not None and form["take_over"] != "yes":
        raise Refused(f"{holder} has claimed it. Ask them, or take it over.")
    return _dated(records.claim(case, person, SOURCE), form, key, form.at_ms(now_ms))


def answer(case: HandoffCase, person: By, form: Form, key: SigningKey | None, now_ms: int) -> dict[str, Any]:
    """The event that answers the handoff, bound to the action that the person saw. Raises Refused, ConfigError."""
    said, at_ms = form.outcome, form.at_ms(now_ms)
    _check_open(case)
    _check_kind(case, said)
    _check_action(case, form["digest"])
    _check_once(case, person.id, said)
    _check_revision(case, said, form.revision)
    event = records.resolution(case, said, person, SOURCE, **form.resolution_fields(at_ms))
    return _dated(event, form, key, at_ms)


def _dated(event: dict[str, Any], form: Form, key: SigningKey | None, at_ms: int) -> dict[str, Any]:
    """The same form gives the same event, to the last byte: a second try is a repeat on the log."""
    at = to_rfc3339(at_ms)
    return sign_record(key, {**event, "id": form.event_id, "time": at, "data": {**event["data"], "at": at}})


def _check_open(case: HandoffCase) -> None:
    if case.closed is not None:
        raise Refused(f"It is closed already ({case.closed['cause']}).")


def _check_kind(case: HandoffCase, said: str) -> None:
    if said in APPROVALS and case.pending is None:
        raise Refused("No action waits in it: resolve it, or return it to the AI.")
    if said not in APPROVALS and case.pending is not None:
        raise Refused("An action waits in it: approve or deny it.")


def _check_action(case: HandoffCase, digest: str) -> None:
    if len(case.actions) > 1:
        raise Refused(f"Its revisions name {len(case.actions)} different actions. Tell whoever runs Handrail.")
    if case.pending is not None and digest != case.pending["action_digest"]:
        raise Refused("Another action waits now than the one that you saw. Look at it again.")


def _check_revision(case: HandoffCase, said: str, revision: int) -> None:
    if said == "approved" and revision < case.revision_min:
        raise Refused(f"Read it again before you approve: since you looked at it, {words.latest(case.news)}")


def _check_once(case: HandoffCase, by: str, said: str) -> None:
    if any(same(one["by"]["id"], by) and one["outcome"] == said and case.is_current(one) for one in case.answers):
        if said == "approved" and case.approvals_needed > 1:
            raise Refused("You have approved it already. A second person is needed.")
        raise Refused(f"You have answered it already ({said}).")
