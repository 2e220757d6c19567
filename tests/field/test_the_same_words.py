"""What comes again in a long conversation is no loop: another day, another question, another piece of work."""

import pytest

from tests.bundles import refunds
from tests.log import Log, Outcome

QUESTION = "Where is my parcel, please?"
ANSWER = "Is there anything else that I can help you with?"
DAY_S, MINUTE_S = 86_400, 60


def loops(outcome: Outcome) -> list[str]:
    return [
        reason["code"] for one in outcome.decisions for reason in one["reasons"] if reason["code"].startswith("loop.")
    ]


def said(log: Log, who: str, text: str) -> None:
    """Once more the same words, of the customer or of the agent; asked before or told after."""
    if who == "customer":
        log.query(text)
    elif who == "answer":
        log.answers(text)
    else:
        log.event("message.sent", role="assistant", text=text)


whoever = pytest.mark.parametrize("who", ["customer", "answer", "told"])


def test_the_same_question_on_several_days_each_solved() -> None:
    log = Log()
    for day in range(6):
        log.query(QUESTION, execution_id=f"conv-1/{day}")
        log.event("execution.ended", execution_id=f"conv-1/{day}", outcome="resolved")
        log.wait(DAY_S)
    assert loops(log.fold()) == []


@whoever
@pytest.mark.parametrize(
    ("minutes", "found"), [(0, True), (1, True), (29, True), (31, False), (61, False), (700, False)]
)
def test_words_count_within_an_hour(who: str, minutes: int, found: bool) -> None:
    """Three times, so many minutes apart: the third within an hour of the first, or not."""
    log = Log()
    for _ in range(3):
        said(log, who, QUESTION)
        log.wait(minutes * MINUTE_S)
    assert bool(loops(log.fold())) is found


@whoever
def test_the_hour_is_that_of_the_three_latest_times(who: str) -> None:
    log = Log()
    said(log, who, QUESTION)
    log.wait(50 * MINUTE_S)
    said(log, who, QUESTION)
    log.wait(20 * MINUTE_S)
    said(log, who, QUESTION)
    assert loops(log.fold()) == []
    log.wait(20 * MINUTE_S)
    said(log, who, QUESTION)
    assert len(loops(log.fold())) == 1


@whoever
def test_words_of_45_days_ago_are_not_of_this_hour(who: str) -> None:
    """The state keeps minutes in two bytes."""
    log = Log()
    said(log, who, QUESTION)
    log.wait(5 * MINUTE_S)
    said(log, who, QUESTION)
    log.wait(40 * DAY_S)
    said(log, who, "Something else that nobody has said.")
    log.wait(65_536 * MINUTE_S - 40 * DAY_S)
    said(log, who, QUESTION)
    assert loops(log.fold()) == []


@whoever
def test_many_other_words_in_between_hide_nothing(who: str) -> None:
    log = Log()
    for turn in range(3):
        said(log, who, QUESTION)
        for at in range(7):
            said(log, who, f"Other words, number {turn} {at} of them.")
    assert len(loops(log.fold())) == 1


def test_several_questions_about_one_order_look_it_up_as_often() -> None:
    log = Log()
    for at in range(8):
        log.query(f"Question {at} about my order: may I change it?")
        log.does("get_order", {"total": 100}, order_id="A-1")
        log.wait(8 * MINUTE_S)
    outcome = log.fold(refunds())
    assert (loops(outcome), set(outcome.verdicts)) == ([], {"allow"})


def test_the_same_calls_in_turn_for_each_question_are_no_cycle() -> None:
    log = Log()
    for at in range(8):
        log.query(f"Question {at} about my order: may I change it?")
        log.does("get_order", {"total": 100}, order_id="A-1")
        log.does("get_user", {"tier": "gold"}, user_id="u-1")
    assert loops(log.fold(refunds())) == []


def test_within_one_question_the_third_call_is_still_a_loop() -> None:
    log = Log()
    log.query("May I change my order?")
    log.does("get_order", {"total": 100}, order_id="A-1")
    log.does("get_order", {"total": 100}, order_id="A-1")
    log.query("And the other one?")
    for _ in range(3):
        log.does("get_order", {"total": 100}, order_id="A-1")
    assert loops(log.fold(refunds())) == ["loop.repeat"]


def test_a_query_that_is_delivered_again_is_no_new_one() -> None:
    log = Log()
    first = log.query("May I change my order?")
    for _ in range(3):
        log.does("get_order", {"total": 100}, order_id="A-1")
        log.append(first)
    assert loops(log.fold(refunds())) == ["loop.repeat"]


@pytest.mark.parametrize("execution", ["conv-1/1", None])
def test_the_end_of_an_execution_ends_its_count(execution: str | None) -> None:
    """Of another execution nothing ends."""
    log = Log()
    told = {"execution_id": execution} if execution else {}
    for _ in range(2):
        log.event("action.proposed", action_id=f"a{len(log.records)}", tool="get_order", arguments={}, **told)
    log.event("execution.ended", execution_id="conv-1/other", outcome="resolved")
    log.event("action.proposed", action_id="last", tool="get_order", arguments={}, **told)
    assert loops(log.fold(refunds())) == ["loop.repeat"]


def test_a_question_that_comes_three_times_in_an_hour_goes_to_a_person() -> None:
    log = Log()
    for _ in range(3):
        log.query(QUESTION)
        log.wait(10 * MINUTE_S)
    outcome = log.fold()
    assert outcome.codes() == ["loop.customer"]
    assert outcome.decisions[-1]["reasons"][0]["message"] == "The same words for the third time within an hour."
    assert outcome.decisions[-1]["route"] == "human"
