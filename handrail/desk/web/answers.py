"""From a form to an event of the contract, where the handoff, the person and the click allow it. Pure."""

from typing import Any

from handrail.desk import records, words
from handrail.desk.handoff_view import HandoffView
from handrail.desk.may_answer import Obstacle, Refused, may_answer, may_claim
from handrail.desk.web.form import Form
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.fields import By
from handrail.schemas.keys import SigningKey
from handrail.schemas.signature import sign_record

SOURCE = "/humans/desk"
ROLE_OF = {"approved": "approver", "denied": "approver", "resolved": "agent", "returned": "agent"}


def claim(handoff: HandoffView, person: By, form: Form, key: SigningKey | None, now_ms: int) -> dict[str, Any]:
    """The event that says: this person works on it. Raises Refused, ConfigError."""
    if (obstacle := may_claim(handoff, person.id, take_over=form["take_over"] == "yes")) is not None:
        raise Refused(_sentence(obstacle, handoff))
    return _dated(records.claim(handoff, person, SOURCE), form, key, form.at_ms(now_ms))


def answer(handoff: HandoffView, person: By, form: Form, key: SigningKey | None, now_ms: int) -> dict[str, Any]:
    """The event that answers the handoff, bound to the action that the person saw. Raises Refused, ConfigError."""
    outcome, at_ms = form.outcome, form.at_ms(now_ms)
    if (obstacle := may_answer(handoff, person.id, outcome, form.revision, form["digest"])) is not None:
        raise Refused(_sentence(obstacle, handoff, outcome))
    event = records.resolution(handoff, outcome, person, SOURCE, **form.resolution_fields(at_ms))
    return _dated(event, form, key, at_ms)


def _dated(event: dict[str, Any], form: Form, key: SigningKey | None, at_ms: int) -> dict[str, Any]:
    """The same form gives the same event, to the last byte: a second try is a repeat on the log."""
    at = to_rfc3339(at_ms)
    return sign_record(key, {**event, "id": form.event_id, "time": at, "data": {**event["data"], "at": at}})


def _sentence(obstacle: Obstacle, handoff: HandoffView, outcome: str = "") -> str:
    """What the page says of it."""
    match obstacle:
        case Obstacle.CLOSED:
            return f"It is closed already ({(handoff.closed or {})['cause']})."
        case Obstacle.CLAIMED_BY_SAME:
            return "It is yours already."
        case Obstacle.CLAIMED_BY_OTHER:
            return f"{handoff.claimed_by} has claimed it. Ask them, or take it over."
        case Obstacle.NO_ACTION_WAITS:
            return "No action waits in it: resolve it, or return it to the AI."
        case Obstacle.ACTION_WAITS:
            return "An action waits in it: approve or deny it."
        case Obstacle.SEVERAL_ACTIONS:
            return f"Its revisions name {len(handoff.actions)} different actions. Tell whoever runs Handrail."
        case Obstacle.OTHER_ACTION:
            return "Another action waits now than the one that you saw. Look at it again."
        case Obstacle.SECOND_PERSON_NEEDED:
            return "You have approved it already. A second person is needed."
        case Obstacle.ANSWERED_ALREADY:
            return f"You have answered it already ({outcome})."
        case Obstacle.OUTDATED:
            return f"Read it again before you approve: since you looked at it, {words.latest(handoff.news)}"
