"""What a transcript takes from the records of a conversation."""

from typing import Any

import pytest

from handrail.streams.quality.transcript import TURNS_MAX, Called, Ended, Owned, Said
from tests.unit.quality.conversations import agent, call, customer, decision, ended, reason, transcript


def test_turns_stand_in_their_order_with_their_offsets() -> None:
    found = transcript(customer("Hi"), agent("Hello"), call("find", {"a": 1}, q=2), ended("resolved"))
    assert found.turns == (
        Said(0, "customer", "Hi"),
        Said(1, "agent", "Hello"),
        Called(2, "find", "a1", {"q": 2}, {"a": 1}, failed=False, writes=False),
    )
    assert found.ends == (Ended(3, "resolved"),)
    assert found.unreadable == 0


@pytest.mark.parametrize(
    ("status", "result", "failed"),
    [("ok", "fine", False), ("error", None, True), ("ok", "Error: no such order", True), ("unknown", None, False)],
)
def test_a_call_failed_by_its_status_or_by_what_it_says(status: str, result: Any, failed: bool) -> None:
    (found,) = transcript(call("find", result, status)).calls()
    assert found.failed is failed


def test_what_the_customer_did_is_no_call_of_the_agents() -> None:
    found = transcript(("customer.acted", {"tool": "cancel_order", "arguments": {}, "status": "ok"}))
    assert found.calls() == []
    assert [turn.own for turn in found.turns if isinstance(turn, Called)] == [True]


@pytest.mark.parametrize(
    ("told", "owners"),
    [
        (call("transfer_to_human_agents"), ["human"]),
        (call("crm.escalate_to_human"), ["human"]),
        (call("transfer_to_agent"), []),
        (call("transfer_money_to_person"), []),
        (call("transfer_to_human_agents", status="error"), []),
        (("message.sent", {"role": "human_agent", "text": "I am Kim"}), ["human"]),
        (("handoff", {"kind": "route"}), ["human"]),
        (("handoff", {"kind": "approval"}), []),
        (("handoff.closed", {"owner": "ai"}), ["ai"]),
    ],
)
def test_who_owns_the_conversation(told: Any, owners: list[str]) -> None:
    assert [turn.by for turn in transcript(told).turns if isinstance(turn, Owned)] == owners


@pytest.mark.parametrize(
    "told",
    [
        ("query.received", {"text": 5}),
        ("query.received", []),
        ("message.sent", {"role": "assistant"}),
        ("message.sent", {"role": "judge", "text": "x"}),
        ("action.executed", {"tool": "x", "status": "perhaps"}),
        ("customer.acted", {"status": "ok"}),
        ("execution.ended", {}),
        ("decision", {"kind": "action", "verdict": "allow", "reasons": ["x"]}),
        ("decision", {"kind": "action", "verdict": "allow"}),
    ],
)
def test_a_record_that_is_not_as_the_contract_says_is_counted(told: Any) -> None:
    assert transcript(customer("Hi"), told).unreadable == 1


def test_types_that_say_nothing_are_passed_over() -> None:
    found = transcript(("llm.completed", {}), ("of.tomorrow", None))
    assert (found.turns, found.unreadable) == ((), 0)


def test_a_decision_keeps_its_reasons() -> None:
    (found,) = transcript(decision(reason("loop.repeat"), verdict="halt")).decisions
    assert (found.kind, found.verdict, found.action_id, len(found.reasons)) == ("action", "halt", "a1", 1)


def test_a_conversation_beyond_the_limit_is_cut_and_says_so() -> None:
    found = transcript(*[customer("Hi")] * (TURNS_MAX + 3))
    assert (len(found.turns), found.unreadable) == (TURNS_MAX, 3)
