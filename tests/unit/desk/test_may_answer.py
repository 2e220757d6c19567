"""Who may claim or answer what: the terminal and the page ask one function, and both say why not in their own words."""

from typing import Any

import pytest

from handrail.desk import answering
from handrail.desk.handoff_view import Answer, HandoffView
from handrail.desk.may_answer import Obstacle, may_answer, may_claim
from handrail.desk.web import answers
from tests.unit.desk.handoff_log import sample

DIGEST = sample("handoff")["data"]["pending"]["action_digest"]
APPROVED = {"by": {"id": "Ann"}, "outcome": "approved", "revision": 1}


def approval(*given: dict[str, Any], actions: tuple[str, ...] = (DIGEST,), **data: Any) -> HandoffView:
    given_answers = tuple(Answer(f"e{number}", answer) for number, answer in enumerate(given))
    return HandoffView(sample("handoff", **data)["data"], actions, answers=given_answers)


def route(*given: dict[str, Any]) -> HandoffView:
    return approval(*given, actions=(), pending=None, approvals=None)


CLOSED = HandoffView(sample("handoff")["data"], (DIGEST,), closed={"cause": "expired"})
TWO = {"needed": 2, "by": ["Ann"]}
ONE = {"needed": 1, "by": []}


@pytest.mark.parametrize(
    ("handoff", "person", "outcome", "revision", "obstacle"),
    [
        (approval(), "ann", "approved", 1, None),
        (approval(), "ann", "denied", 1, None),
        (route(), "ann", "resolved", 1, None),
        (CLOSED, "ann", "approved", 1, Obstacle.CLOSED),
        (route(), "ann", "approved", 1, Obstacle.NO_ACTION_WAITS),
        (approval(), "ann", "returned", 1, Obstacle.ACTION_WAITS),
        (approval(actions=(DIGEST, "b" * 64)), "ann", "approved", 1, Obstacle.SEVERAL_ACTIONS),
        (approval(revision=3, revision_min=2), "ann", "approved", 1, Obstacle.OUTDATED),
        (approval(revision=3, revision_min=2), "ann", "approved", 2, None),
        (approval(revision=3, revision_min=2), "ann", "denied", 1, None),
        (approval(APPROVED, approvals=TWO), "ann", "approved", 1, Obstacle.SECOND_PERSON_NEEDED),
        (approval(APPROVED, approvals=TWO), "ben", "approved", 1, None),
        (approval(APPROVED, approvals=ONE), "ann", "approved", 1, Obstacle.ANSWERED_ALREADY),
        (approval(APPROVED, approvals=TWO, revision=2, revision_min=2), "ann", "approved", 2, None),
        (approval(APPROVED, approvals=TWO), "ann", "denied", 1, None),
    ],
)
def test_an_answer_is_held_back_where_it_could_not_count(
    handoff: HandoffView, person: str, outcome: str, revision: int, obstacle: Obstacle | None
) -> None:
    assert may_answer(handoff, person, outcome, revision) is obstacle


def test_an_answer_to_another_action_than_the_one_that_was_seen_is_held_back() -> None:
    assert may_answer(approval(), "ann", "approved", 1, "0" * 64) is Obstacle.OTHER_ACTION
    assert may_answer(approval(), "ann", "denied", 1, "") is Obstacle.OTHER_ACTION
    assert may_answer(approval(), "ann", "approved", 1, DIGEST) is None
    assert may_answer(route(), "ann", "resolved", 1, "") is None


def test_a_claim_is_one_persons_under_every_spelling_of_the_id() -> None:
    free, taken = approval(), HandoffView(sample("handoff")["data"], claim={"by": {"id": "Ann"}})
    assert may_claim(free, "ann", take_over=False) is None
    assert may_claim(taken, "ann", take_over=True) is Obstacle.CLAIMED_BY_SAME
    assert may_claim(taken, "ben", take_over=False) is Obstacle.CLAIMED_BY_OTHER
    assert may_claim(taken, "ben", take_over=True) is None
    assert may_claim(CLOSED, "ann", take_over=True) is Obstacle.CLOSED


@pytest.mark.parametrize("obstacle", Obstacle)
def test_the_terminal_and_the_page_have_words_for_every_obstacle(obstacle: Obstacle) -> None:
    terminal = answering._line(obstacle, CLOSED, "ann", "approved")
    assert terminal.startswith(f"{CLOSED.id}: ")
    assert len(terminal) > len(CLOSED.id) + 10
    assert len(answers._sentence(obstacle, CLOSED, "approved")) > 10
