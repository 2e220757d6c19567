"""An execution of which nobody knows whether it took effect: governed, open, and what came of it may follow."""

import pytest

from tests.bundles import REFUNDS, bundle, refunds
from tests.log import Log


@pytest.mark.parametrize("after", ["ok", "error", None])
def test_how_it_ended_may_follow_and_is_no_bypass(after: str | None) -> None:
    log = Log()
    log.proposes("refund", "a1", amount=20)
    log.executes("refund", "a1", status="unknown", amount=20)
    if after:
        log.executes("refund", "a1", {"refunded": 20}, status=after, amount=20)
    log.event("human.requested")
    outcome = log.fold(refunds())
    assert "bypass" not in [alert["kind"] for alert in outcome.of("alert")]
    (attempt,) = outcome.of("handoff")[-1]["attempts"]
    assert (attempt["status"], attempt["action_id"]) == (after or "unknown", "a1")


def test_it_resets_no_loop_and_moves_no_fact() -> None:
    tools = """
tools:
  get_order: {effect: read}
  refund: {effect: write, facts: {order_total: results.get_order.total}}
"""
    rules = bundle(refunds=REFUNDS, tools=tools)
    log = Log()
    for number in range(3):
        log.proposes("get_order", f"a{number}", order_id=1)
        log.executes("get_order", f"a{number}", {"total": number}, status="unknown", order_id=1)
    outcome = log.fold(rules)
    assert outcome.decisions[-1]["reasons"][0]["code"] == "loop.repeat"
    case = outcome.partition.memory.conversation("conv-1")
    assert case is not None
    assert case.head.facts == {}


def test_without_a_decision_it_is_a_bypass() -> None:
    log = Log()
    log.executes("refund", "a1", status="unknown", amount=20)
    assert [alert["kind"] for alert in log.fold(refunds()).of("alert")] == ["bypass"]
