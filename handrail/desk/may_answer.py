"""Whether a person may claim or answer a handoff as it stands: one place for the terminal and the page. Pure.

The governor has the last word. This only keeps off the log what it would refuse, or what the person has not seen. An
approval that has expired is not refused here: the governor's clock decides that, and its record closes the handoff.
"""

from enum import Enum, auto

from handrail.desk.handoff_view import HandoffView
from handrail.schemas.errors import HandrailError
from handrail.schemas.identity import same

APPROVALS = ("approved", "denied")


class Obstacle(Enum):
    """Why a claim or an answer must not be put on the log."""

    CLOSED = auto()
    CLAIMED_BY_SAME = auto()
    CLAIMED_BY_OTHER = auto()
    NO_ACTION_WAITS = auto()  # approved or denied, but nothing waits
    ACTION_WAITS = auto()  # resolved or returned, but an action waits
    SEVERAL_ACTIONS = auto()  # its revisions name different actions
    OTHER_ACTION = auto()  # not the action that the person saw
    ANSWERED_ALREADY = auto()
    SECOND_PERSON_NEEDED = auto()  # approved already, by the same person
    OUTDATED = auto()  # the person has not seen what the customer wrote or did since


class Refused(HandrailError):
    """The handoff cannot be claimed or answered so; nothing was put on the log."""


def may_claim(handoff: HandoffView, person_id: str, *, take_over: bool) -> Obstacle | None:
    """What stands against a claim by this person; None where nothing does."""
    if handoff.closed is not None:
        return Obstacle.CLOSED
    if handoff.is_claimed_by(person_id):
        return Obstacle.CLAIMED_BY_SAME
    if handoff.claimed_by is not None and not take_over:
        return Obstacle.CLAIMED_BY_OTHER
    return None


def may_answer(
    handoff: HandoffView, person_id: str, outcome: str, revision: int, digest: str | None = None
) -> Obstacle | None:
    """What stands against this answer of this person; None where nothing does.

    `outcome` is `approved`, `denied`, `resolved` or `returned`; `revision` is the one that the person saw; `digest` is
    that of the action that they saw, None where what is on the log now is what they answer to.
    """
    if handoff.closed is not None:
        return Obstacle.CLOSED
    return (
        _mismatch(handoff, outcome, digest)
        or _repeats(handoff, person_id, outcome)
        or (Obstacle.OUTDATED if outcome == "approved" and revision < handoff.revision_min else None)
    )


def _mismatch(handoff: HandoffView, outcome: str, digest: str | None) -> Obstacle | None:
    """Whether the answer fits what waits in the handoff."""
    if outcome in APPROVALS and handoff.pending is None:
        return Obstacle.NO_ACTION_WAITS
    if outcome not in APPROVALS and handoff.pending is not None:
        return Obstacle.ACTION_WAITS
    if len(handoff.actions) > 1:
        return Obstacle.SEVERAL_ACTIONS
    if handoff.pending is not None and digest is not None and digest != handoff.pending["action_digest"]:
        return Obstacle.OTHER_ACTION
    return None


def _repeats(handoff: HandoffView, person_id: str, outcome: str) -> Obstacle | None:
    """Whether this person has given this answer already, and it still counts."""
    for answer in handoff.answers:
        given = same(answer.data["by"]["id"], person_id) and answer.data["outcome"] == outcome
        if given and handoff.is_current(answer):
            second = outcome == "approved" and handoff.approvals_needed > 1
            return Obstacle.SECOND_PERSON_NEEDED if second else Obstacle.ANSWERED_ALREADY
    return None
