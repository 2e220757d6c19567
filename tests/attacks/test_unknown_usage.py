"""Calls of models whose usage nobody told: unknown is not zero, cached is not paid, and what is said to be free is."""

from decimal import Decimal
from typing import Any

import pytest

from handrail.policies import Bundle
from handrail.streams.governor.cost import unknown_calls_of
from tests.bundles import bundle
from tests.log import Log, Outcome

PRICED = {"provider": "openai", "name": "gpt-4.1"}
HOUSE = {"provider": "p", "name": "house-7b"}
MILLION = {"input_tokens": 1_000_000, "output_tokens": 0}


def calls(log: Log, times: int = 1, **told: Any) -> None:
    for _ in range(times):
        log.event("llm.completed", **{"model": PRICED, "usage": None, **told})


def used(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = outcome.decisions[-1]["usage"]
    return found


def limits(text: str) -> Bundle:
    return bundle(limits=f"default: {text}")


@pytest.mark.parametrize("told", [{"usage": None}, {"usage": MILLION, "model": HOUSE}])
def test_a_call_of_unknown_cost_is_counted_and_an_alert_says_so_once(told: dict[str, Any]) -> None:
    log = Log()
    calls(log, 3, **told)
    log.proposes("get_order", order_id="A-1")
    outcome = log.fold()
    assert (used(outcome)["unknown_calls"], used(outcome)["cost_usd"]) == (3, "0.00")
    assert [one["kind"] for one in outcome.of("alert")] == ["model"]


def test_a_call_that_leaves_its_usage_out_is_one_of_unknown_cost_and_no_dead_letter() -> None:
    log = Log()
    log.event("llm.completed", model=PRICED)
    log.event("llm.completed")
    log.proposes("get_order", order_id="A-1")
    outcome = log.fold()
    assert outcome.of("deadletter") == []
    assert used(outcome)["unknown_calls"] == 2


@pytest.mark.parametrize("told", [{"usage": None}, {"usage": MILLION, "model": HOUSE}])
@pytest.mark.parametrize("batch", [1, 64])
def test_the_hundred_and_first_passes_the_cost_limit_which_says_what_it_does_not_know(
    told: dict[str, Any], batch: int
) -> None:
    log = Log()
    calls(log, 100, **told)
    assert log.fold(batch=batch).decisions == []
    calls(log, 2, **told)
    outcome = log.fold(batch=batch)
    assert [(one["kind"], one["verdict"]) for one in outcome.decisions] == [("execution", "halt")]
    (reason,) = outcome.decisions[0]["reasons"]
    assert reason["code"] == "limit.cost"
    assert "101 calls of unknown cost" in reason["message"]
    assert "$0.10" in reason["message"]
    assert reason["evidence"] == {
        "field": "execution.cost_usd", "value": "10.10", "threshold": "10.00", "unknown_calls": 101,
    }  # fmt: skip


def test_what_is_known_and_what_is_assumed_add_up_and_stay_apart() -> None:
    log = Log()
    log.spends("9.95")
    calls(log)
    outcome = log.fold()
    assert outcome.codes() == ["limit.cost"]
    assert (used(outcome)["cost_usd"], used(outcome)["unknown_calls"]) == ("9.95", 1)


def test_three_hundred_and_one_in_a_conversation_halt_whatever_the_execution() -> None:
    log = Log()
    for run in range(31):
        calls(log, 10 if run < 30 else 1, execution_id=f"run-{run}")
    outcome = log.fold(batch=50)
    assert outcome.verdicts == ["halt"]
    assert outcome.decisions[0]["reasons"][0]["evidence"]["field"] == "conversation.cost_usd"
    assert outcome.decisions[0]["usage"]["unknown_calls"] == 1


def test_limits_say_what_an_unknown_call_counts_as() -> None:
    dear, free = limits('{unknown_call_usd: "2.50"}'), limits('{unknown_call_usd: "0"}')
    log = Log()
    calls(log, 5)
    assert log.fold(dear).codes() == ["limit.cost"]
    calls(log, 200)
    log.proposes("get_order", order_id="A-1")
    outcome = log.fold(free)
    assert (outcome.verdicts, used(outcome)["unknown_calls"]) == (["allow"], 205)


def test_a_rule_on_what_was_spent_counts_what_is_unknown() -> None:
    policy = """
id: p
name: P
rules:
  default_action: allow
  rules:
    - {id: dear, condition: {field: cost_usd, operator: greater_than, value: 1}, action: block}
"""
    counts = policy.replace("cost_usd", "unknown_calls").replace("value: 1", "value: 3")
    log = Log()
    calls(log, 10)
    log.proposes("get_order", order_id="A-1")
    assert log.fold(bundle(p=policy)).verdicts == ["allow"]
    assert log.fold(bundle(p=counts)).verdicts == ["block"]
    calls(log)
    log.proposes("get_order", order_id="A-2")
    assert log.fold(bundle(p=policy)).verdicts == ["allow", "block"]


def test_an_answer_out_of_a_cache_costs_nothing_and_is_not_unknown() -> None:
    log = Log()
    calls(log, 20, usage=MILLION, cached=True)
    calls(log, 20, usage=None, cached=True)
    log.proposes("get_order", order_id="A-1")
    outcome = log.fold()
    assert (outcome.verdicts, outcome.of("alert")) == (["allow"], [])
    assert (used(outcome)["cost_usd"], used(outcome)["unknown_calls"], used(outcome)["unpriced_tokens"]) == (
        "0.00",
        0,
        0,
    )


@pytest.mark.parametrize("told", [{"cached": False}, {"cached": None}, {}])
def test_what_is_not_cached_costs_its_tokens(told: dict[str, Any]) -> None:
    log = Log()
    calls(log, usage=MILLION, **told)
    log.proposes("get_order", order_id="A-1")
    assert Decimal(used(log.fold())["cost_usd"]) > 0


@pytest.mark.parametrize("cost", ["0", "0.00", "0.000000000000"])
def test_a_cost_of_zero_that_is_told_is_zero(cost: str) -> None:
    log = Log()
    calls(log, 30, usage=MILLION, cost_usd=cost)
    calls(log, 30, usage=MILLION, cost_usd=cost, model=HOUSE)
    calls(log, 30, cost_usd=cost)
    log.proposes("get_order", order_id="A-1")
    outcome = log.fold()
    assert (outcome.verdicts, outcome.of("alert")) == (["allow"], [])
    assert (used(outcome)["cost_usd"], used(outcome)["unknown_calls"]) == ("0.00", 0)


def test_a_cost_that_is_told_needs_no_usage() -> None:
    log = Log()
    calls(log, cost_usd="0.25")
    log.proposes("get_order", order_id="A-1")
    assert (used(log.fold())["cost_usd"], used(log.fold())["unknown_calls"]) == ("0.25", 0)


def test_the_same_call_told_twice_counts_once() -> None:
    log = Log()
    for _ in range(5):
        log.event("llm.completed", id="l", model=PRICED, usage=None)
    log.proposes("get_order", order_id="A-1")
    assert used(log.fold())["unknown_calls"] == 1


def test_executions_that_are_gone_take_no_room() -> None:
    log = Log()
    for run in range(60):
        log.event("llm.completed", model=PRICED, usage=None, execution_id=f"run-{run}")
        log.event("execution.ended", outcome="resolved", execution_id=f"run-{run}")
    log.event("llm.completed", model=PRICED, usage=None, execution_id="run-59x")
    log.event("action.proposed", action_id="a", tool="get_order", arguments={}, execution_id="run-59x")
    outcome = log.fold(limits('{unknown_call_usd: "0"}'))
    assert used(outcome)["unknown_calls"] == 1
    case = outcome.partition.memory.conversation(log.conversation)
    assert case is not None
    assert unknown_calls_of(case) == 61


def test_more_calls_than_an_execution_counts_stay_at_the_most_it_counts_and_tokens_are_exact() -> None:
    log = Log()
    calls(log, 1_030, model=HOUSE, usage={"input_tokens": 3, "output_tokens": 1})
    log.proposes("get_order", order_id="A-1")
    outcome = log.fold(limits('{unknown_call_usd: "0"}'), batch=100)
    assert (used(outcome)["unknown_calls"], used(outcome)["unpriced_tokens"]) == (1_023, 4_120)


@pytest.mark.parametrize(
    "usage", [{}, {"input_tokens": 1}, {"input_tokens": -1, "output_tokens": 0}, "unknown", 0, [], False]
)
def test_a_usage_that_is_none_is_still_refused(usage: Any) -> None:
    log = Log()
    calls(log, usage=usage)
    outcome = log.fold()
    assert len(outcome.of("deadletter")) == 1
