"""A customer who asks for a person gets one, however many handoffs are open and whoever answers which of them."""

from typing import Any

import pytest

from handrail.policies import Bundle
from handrail.streams.governor.partition_memory import PARTS_MAX
from tests.bundles import REFUNDS, bundle, refunds
from tests.log import Log, Outcome

REFUSED = """
id: refused
name: Refused
category: business_logic
rules:
  default_action: allow
  rules:
"""
RULE = """
    - id: rule-{at}
      condition: {{field: tool, operator: equals, value: write_{at}}}
      action: block
      message: "Nobody writes {at}."
"""
ASKING = {
    "the button": lambda log: log.event("human.requested"),
    "words": lambda log: log.query("I want to speak to a human being please"),
}
asks = pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)


def eight_rules() -> Bundle:
    """Eight rules that refuse a write each, and hand it off."""
    return bundle(refused=REFUSED + "".join(RULE.format(at=at) for at in range(9)))


def waiting(approvals: int = 8) -> Log:
    """So many refunds wait for approval."""
    log = Log()
    log.query("Where is my money?")
    for amount in range(approvals):
        log.proposes("refund", amount=200 + amount)
    return log


def opened(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The handoffs by the code of their reason, as they were first sent; approvals share one code."""
    return {one["reason"]["code"]: one for one in outcome.handoffs if one["revision"] == 1}


def approvals(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The handoffs of actions that wait, by id."""
    return {one["handoff_id"]: one for one in outcome.handoffs if one.get("pending")}


def sla(outcome: Outcome) -> list[str]:
    return [one["evidence"]["handoff_id"] for one in outcome.of("alert") if one["kind"] == "sla"]


@asks
def test_a_request_beyond_eight_waiting_approvals_has_a_handoff_and_a_deadline_of_its_own(ask: Any) -> None:
    log = waiting()
    ask(log)
    outcome = log.fold(refunds())
    request = opened(outcome)["customer.asked"]
    assert (request["kind"], request["pending"]) == ("route", None)
    assert outcome.decisions[-1]["handoff_id"] == request["handoff_id"]
    for one in approvals(outcome).values():
        log.resolves(one, "denied")
    log.wait(86_400).control("tick")
    assert sla(log.fold(refunds())) == [request["handoff_id"]]


@asks
def test_a_request_beyond_eight_refused_writes_has_a_handoff_of_its_own(ask: Any) -> None:
    log = Log()
    log.query("Where is my money?")
    for at in range(8):
        log.proposes(f"write_{at}")
    ask(log)
    outcome = log.fold(eight_rules())
    assert len({one["handoff_id"] for one in outcome.handoffs}) == 9
    assert opened(outcome)["customer.asked"]["handoff_id"] == outcome.decisions[-1]["handoff_id"]


def test_one_record_makes_no_more_parts_than_are_set_aside_for_it_with_as_many_handoffs_open_as_there_may_be() -> None:
    """A conversation that begins anew numbers its parts from its offset on, so that no number is given twice."""
    log = waiting()
    log.proposes("write_0")
    log.event("message.sent", role="human_agent", text="Hi, Kim here.")
    log.event("human.requested")
    log.spends("1000.00")
    rules = bundle(refunds=REFUNDS, refused=REFUSED + RULE.format(at=0))
    assert len({one["handoff_id"] for one in log.fold(rules).handoffs}) == 12
    before = log.fold(rules).partition.memory.conversation("conv-1")
    customer = {"ref": "cust-1", "contact": {"email": "a@example.com"}}
    log.event("execution.ended", outcome="transferred", customer=customer, execution_id="conv-1/2")
    after = log.fold(rules).partition.memory.conversation("conv-1")
    assert before is not None
    assert after is not None
    assert 12 < after.head.parts_next - before.head.parts_next <= PARTS_MAX


def test_beyond_eight_a_refused_write_is_told_in_a_handoff_that_no_approval_ends() -> None:
    log = waiting()
    for at in range(3):
        log.proposes(f"write_{at}")
    outcome = log.fold(bundle(refunds=REFUNDS, refused=REFUSED + "".join(RULE.format(at=at) for at in range(3))))
    refused = [one for one in outcome.handoffs if one["kind"] == "escalation"]
    assert len({one["handoff_id"] for one in refused}) == 1
    assert {one["handoff_id"] for one in outcome.decisions[-3:]} == {refused[0]["handoff_id"]}


def test_a_halt_beyond_eight_waiting_approvals_has_a_handoff_of_its_own() -> None:
    log = waiting()
    log.spends("1000.00")
    outcome = log.fold(refunds())
    assert opened(outcome)["limit.cost"]["kind"] == "escalation"


def test_a_person_who_writes_beside_eight_waiting_approvals_can_give_the_conversation_back() -> None:
    log = waiting()
    log.event("message.sent", role="human_agent", text="Hi, Kim here.")
    taken = opened(log.fold(refunds()))["owner.human"]
    log.answers("Let me help you!")
    log.resolves(taken, "returned", "kim")
    log.answers("I am back and will help you now.")
    assert log.fold(refunds()).verdicts[-2:] == ["block", "allow"]


def test_a_transfer_while_an_approval_waits_takes_the_conversation_over() -> None:
    log = waiting(1)
    log.event("execution.ended", outcome="transferred")
    log.answers("I am still here!", execution_id="conv-1/2")
    outcome = log.fold(refunds())
    assert outcome.verdicts[-1] == "block"
    assert opened(outcome)["owner.human"]["kind"] == "escalation"


@asks
@pytest.mark.parametrize("answer", ["returned", "denied", "resolved"])
def test_an_answer_to_an_approval_lifts_no_open_request(ask: Any, answer: str) -> None:
    log = waiting(1)
    ask(log)
    (pending,) = approvals(log.fold(refunds())).values()
    log.resolves(pending, answer)
    log.answers("I am back and will help you now.")
    log.query("Is anybody there?")
    outcome = log.fold(refunds())
    assert outcome.verdicts[-2:] == ["block", "block"]
    assert outcome.decisions[-1]["route"] == "human"
    assert outcome.of("handoff.closed")[-1]["owner"] == "human"


def test_of_two_handoffs_that_hold_the_conversation_one_given_back_leaves_the_other() -> None:
    log = Log()
    log.query("Someone used my card, these payments are fraud")
    log.event("human.requested")
    fraud, request = (opened(log.fold())[code] for code in ("classification", "customer.asked"))
    log.resolves(fraud, "returned")
    log.answers("I am back and will help you now.")
    log.resolves(request, "returned")
    log.answers("Now I really am back.")
    outcome = log.fold()
    assert outcome.verdicts[-2:] == ["block", "allow"]
    assert [one["owner"] for one in outcome.of("handoff.closed")] == ["human", "ai"]


def test_one_that_was_resolved_holds_no_longer() -> None:
    log = Log()
    log.query("Someone used my card, these payments are fraud")
    log.event("human.requested")
    fraud, request = (opened(log.fold())[code] for code in ("classification", "customer.asked"))
    log.resolves(fraud, "resolved")
    log.resolves(request, "returned")
    log.answers("I am back and will help you now.")
    assert log.fold().verdicts[-1] == "allow"


def test_a_refused_write_that_is_still_open_does_not_hold_the_conversation() -> None:
    log = Log()
    log.query("Where is my money?")
    log.proposes("write_0")
    log.event("human.requested")
    request = opened(log.fold(eight_rules()))["customer.asked"]
    log.resolves(request, "returned")
    log.answers("I am back and will help you now.")
    assert log.fold(eight_rules()).verdicts[-1] == "allow"


def test_an_answer_that_names_another_action_lifts_nothing() -> None:
    log = waiting(1)
    log.event("message.sent", role="human_agent", text="Hi, Kim here.")
    (pending,) = approvals(log.fold(refunds())).values()
    log.resolves(pending, "returned", action_digest="sha256:" + "0" * 64)
    log.answers("I am back and will help you now.")
    assert log.fold(refunds()).verdicts[-1] == "block"


@asks
def test_a_second_request_after_an_answer_has_a_deadline_again(ask: Any) -> None:
    rules = bundle(agents="human_sources: [/agents/refunds]\n")
    log = Log()
    ask(log)
    log.event("message.sent", role="human_agent", text="Kim here: which order?")
    log.wait(3600)
    ask(log)
    log.wait(86_400).control("tick")
    outcome = log.fold(rules)
    assert sla(outcome) == [opened(outcome)["customer.asked"]["handoff_id"]]


@asks
def test_a_request_in_a_halted_conversation_is_a_request(ask: Any) -> None:
    log = Log()
    log.query("Where is my money?")
    log.spends("1000.00")
    ask(log)
    outcome = log.fold()
    assert {"limit.cost", "customer.asked"} == set(opened(outcome))
    assert outcome.decisions[-1]["handoff_id"] == opened(outcome)["customer.asked"]["handoff_id"]


def test_a_query_of_a_conversation_that_people_have_names_the_handoff_that_holds_it() -> None:
    log = Log()
    log.event("human.requested")
    log.proposes("write_0")
    log.query("Hello?")
    outcome = log.fold(eight_rules())
    assert outcome.decisions[-1]["handoff_id"] == opened(outcome)["customer.asked"]["handoff_id"]


def test_a_query_finds_a_handoff_that_can_be_returned_where_only_an_approval_is_open() -> None:
    log = waiting(1)
    log.event("message.sent", role="human_agent", text="Hi, Kim here.")
    taken = opened(log.fold(refunds()))["owner.human"]
    log.resolves(taken, "resolved", "kim")
    log.query("One more thing: where is my parcel?")
    outcome = log.fold(refunds())
    again = outcome.decisions[-1]["handoff_id"]
    assert again not in {*approvals(outcome), taken["handoff_id"]}
    assert outcome.decisions[-1]["route"] == "human"
