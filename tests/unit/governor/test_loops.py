"""`loop.repeat`, `loop.cycle`, `loop.response`, `loop.customer`, through the whole fold."""

import pytest

from handrail.streams.governor import cycle, repeat
from tests.log import Log


def test_the_third_identical_call_is_blocked_and_the_fourth_halts() -> None:
    log = Log()
    for _ in range(4):
        log.does("get_order", order_id="#1", result={"status": "open"})
    outcome = log.fold()
    assert outcome.verdicts == ["allow", "allow", "block", "halt"]
    assert outcome.codes(2) == ["loop.repeat"]
    assert outcome.decisions[2]["usage"]["loop_run"] == 3
    assert {handoff["reason"]["code"] for handoff in outcome.handoffs} == {"loop.repeat"}


def test_another_call_in_between_does_not_reset_the_count() -> None:
    log = Log()
    for number in range(2):
        log.does("get_order", order_id="#1", result=1)
        log.does("get_user", user=number, result=1)
    log.proposes("get_order", order_id="#1")
    log.does("get_user", user=3, result=1)
    assert log.fold().verdicts == ["allow"] * 4 + ["block", "allow"]


def test_argument_order_and_tool_spelling_make_no_other_call() -> None:
    log = Log()
    log.proposes("Get-Order", a=1, b=2)
    log.proposes("get_order", b=2, a=1)
    log.proposes(" get order ", a=1, b=2)
    assert log.fold().verdicts == ["allow", "allow", "block"]


def test_a_changed_result_starts_the_count_anew() -> None:
    log = Log()
    for number in range(4):
        log.does("check_status", order_id="#1", result={"progress": number})
    assert log.fold().verdicts == ["allow"] * 4


def test_a_customers_own_action_starts_the_count_anew() -> None:
    log = Log()
    for _ in range(3):
        log.does("check_network", result="no service")
        log.event("customer.acted", tool="toggle_airplane_mode", arguments={}, status="ok")
    assert log.fold().verdicts == ["allow"] * 3


def test_a_successful_write_resets_other_calls_but_not_itself() -> None:
    log = Log()
    for _ in range(2):
        log.does("get_order", order_id="#1", result=1)
    action_id = f"w{len(log.records)}"
    arguments = {"order_id": "#1"}
    log.event("action.proposed", action_id=action_id, tool="cancel", arguments=arguments, effect="write")
    log.event(
        "action.executed",
        action_id=action_id,
        tool="cancel",
        arguments=arguments,
        effect="write",
        status="ok",
        result=1,
    )
    log.does("get_order", order_id="#1", result=1)
    assert log.fold().verdicts == ["allow"] * 4


def test_a_failed_write_resets_nothing() -> None:
    log = Log()
    for _ in range(2):
        log.does("get_order", order_id="#1", result=1)
    log.event("action.proposed", action_id="w", tool="cancel", arguments={}, effect="write")
    log.event("action.executed", action_id="w", tool="cancel", arguments={}, effect="write", status="error")
    log.does("get_order", order_id="#1", result=1)
    assert log.fold().verdicts[-1] == "block"


@pytest.mark.parametrize("period", [2, 3, 4])
def test_a_cycle_is_blocked_when_it_closes_for_the_third_time(period: int) -> None:
    recent, fired = b"", []
    for turn in range(period * 3):
        recent, closed = cycle.observe(recent, bytes([turn % period]) * 8)
        fired.append(closed)
    assert fired == [0] * (period * 3 - 1) + [period]


def test_a_run_of_one_call_is_no_cycle() -> None:
    recent = b""
    for _ in range(12):
        recent, closed = cycle.observe(recent, b"x" * 8)
        assert closed == 0


def test_a_cycle_that_goes_on_after_its_block_halts() -> None:
    log = Log()
    for _ in range(4):
        log.proposes("get_order", order_id="#1")
        log.proposes("get_user", user="u")
    outcome = log.fold()
    assert outcome.verdicts[:4] == ["allow"] * 4
    assert "loop.cycle" in outcome.codes(5)
    assert outcome.verdicts[6] == "halt"


def test_the_third_equal_answer_hands_off() -> None:
    log = Log()
    for _ in range(3):
        log.answers("Please restart   your phone!")
    log.answers("Anything else at all?")
    outcome = log.fold()
    assert outcome.verdicts == ["allow", "allow", "block", "block"]
    assert outcome.codes(2) == ["loop.response"]
    assert outcome.codes(3) == ["owner.human"]
    assert outcome.handoffs[0]["reason"]["code"] == "loop.response"


def test_the_customers_same_words_three_times_go_to_a_human() -> None:
    log = Log()
    for words in ("Where is my money?", "where is MY money", "Where is my money?!"):
        log.query(words)
    outcome = log.fold()
    assert [decision["route"] for decision in outcome.decisions] == ["ai", "ai", "human"]
    assert outcome.codes(2) == ["loop.customer"]


def test_a_short_yes_is_no_loop() -> None:
    log = Log()
    for _ in range(5):
        log.query("Yes.")
    assert {decision["route"] for decision in log.fold().decisions} == {"ai"}


def test_the_least_recently_proposed_call_is_forgotten_first() -> None:
    calls = b""
    for number in range(repeat.CALLS_MAX + 1):
        calls, _ = repeat.observe(calls, number.to_bytes(8))
    assert len(calls) == repeat.CALLS_MAX * repeat.CALL
    assert repeat.observe(calls, (0).to_bytes(8))[1] == 1
    assert repeat.observe(calls, (1).to_bytes(8))[1] == 2
