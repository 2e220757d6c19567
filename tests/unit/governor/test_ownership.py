"""Who owns a conversation: routed, halted, asked for, returned."""

from tests.bundles import REFUNDS, bundle, refunds
from tests.log import AGENT, Log


def test_without_policies_fraud_and_a_request_for_a_human_go_to_a_human() -> None:
    for words in ("Someone used my card, these payments are fraud", "I want to speak to a human being please"):
        log = Log()
        log.query(words)
        log.answers("Let me help you first!")
        outcome = log.fold()
        assert [decision["route"] for decision in outcome.decisions] == ["human", "human"], words
        assert outcome.verdicts == ["block", "block"]
        assert outcome.codes(1) == ["owner.human"]
        assert outcome.handoffs[0]["kind"] == "route"


def test_an_ordinary_query_is_the_ais_and_is_classified() -> None:
    log = Log()
    log.query("Where is my parcel?")
    decision = log.fold().decisions[0]
    assert (decision["kind"], decision["verdict"], decision["route"]) == ("route", "allow", "ai")
    assert decision["classification"]["risk"] in ("low", "medium", "high")


def test_the_button_always_leads_to_a_human_even_with_an_open_breaker_and_without_a_bundle() -> None:
    log = Log()
    log.control("breaker.changed", agent_id="refunds", state="open")
    log.event("human.requested", channel="button")
    outcome = log.fold()
    assert outcome.decisions[0]["route"] == "human"
    assert outcome.decisions[0]["reasons"][0]["code"] == "customer.asked"


def test_reading_stays_allowed_for_the_agent_while_a_human_owns_the_conversation() -> None:
    log = Log()
    log.event("human.requested")
    log.proposes("get_order")
    log.proposes("refund", amount=1)
    assert log.fold(refunds()).verdicts == ["block", "allow", "block"]


def test_returned_gives_the_conversation_back_to_the_ai() -> None:
    log = Log()
    log.event("human.requested")
    handoff = log.fold().handoffs[0]
    log.resolves(handoff, "returned")
    log.answers("I am back and will help you now.")
    outcome = log.fold()
    assert outcome.verdicts == ["block", "allow"]
    assert outcome.of("handoff.closed")[0] == {
        "handoff_id": handoff["handoff_id"],
        "conversation_id": "conv-1",
        "cause": "resolved",
        "owner": "ai",
        "at": outcome.of("handoff.closed")[0]["at"],
    }


def test_resolved_leaves_it_with_the_human_and_the_next_query_opens_another_handoff() -> None:
    log = Log()
    log.event("human.requested")
    first = log.fold().handoffs[0]
    log.resolves(first, "resolved")
    log.query("One more question about my parcel.")
    outcome = log.fold()
    assert outcome.decisions[-1]["route"] == "human"
    assert outcome.handoffs[-1]["follows"] == first["handoff_id"]


def test_a_request_for_a_human_that_nobody_answers_raises_an_sla_alert_once() -> None:
    log = Log()
    log.event("human.requested")
    log.wait(3600).control("tick")
    log.wait(3600).control("tick")
    alerts = [alert for alert in log.fold().of("alert") if alert["kind"] == "sla"]
    assert len(alerts) == 1


def test_a_humans_word_answers_the_request() -> None:
    log = Log()
    log.event("human.requested")
    log.event("message.sent", role="human_agent", text="Hello, how can I help?")
    log.wait(3600).control("tick")
    named = bundle(agents=f"human_sources: [{AGENT}]")
    assert "sla" not in [alert["kind"] for alert in log.fold(named).of("alert")]


def test_an_executed_action_without_a_decision_is_a_step_and_a_bypass_and_supervises_the_agent() -> None:
    log = Log()
    log.executes("refund", "never-asked", amount=5)
    log.proposes("refund", "a1", amount=5)
    outcome = log.fold(refunds())
    assert outcome.of("alert")[0]["kind"] == "bypass"
    assert outcome.decisions[0]["usage"]["steps"] == 2
    assert outcome.decisions[0]["verdict"] == "require_approval"
    assert outcome.codes() == ["agent.mode"]


def test_a_blocked_action_executed_all_the_same_is_a_bypass() -> None:
    log = Log()
    log.executes("refund", log.proposes("refund", amount=900), amount=900)
    outcome = log.fold(refunds())
    assert "bypass" in [alert["kind"] for alert in outcome.of("alert")]


def test_imported_history_raises_no_bypass() -> None:
    log = Log()
    arguments = {"amount": 900}
    log.event("action.executed", action_id="a", tool="refund", arguments=arguments, status="ok", recorded=True)
    named = bundle(refunds=REFUNDS, agents=f"recorded_sources: [{AGENT}]")
    assert log.fold(named).of("alert") == []


def test_an_observed_agent_gets_the_same_decision_marked() -> None:
    observed = bundle(agents="agents:\n  refunds: {enforcement: observe}\n")
    log = Log()
    log.spends("11")
    log.proposes("get_order")
    outcome = log.fold(observed)
    assert outcome.verdicts == ["halt", "halt"]
    assert {decision["enforcement"] for decision in outcome.decisions} == {"observe"}


def test_a_share_of_the_conversations_is_chosen_by_their_name() -> None:
    routes = set()
    for number in range(40):
        log = Log(f"conv-{number}")
        log.control("agent.mode", agent_id="refunds", mode="ai", share=0.5, reason="trial", by="ops")
        log.query("Where is my parcel?")
        routes.add(log.fold().decisions[0]["route"])
    assert routes == {"ai", "ai_supervised"}


def test_without_an_active_bundle_everything_is_blocked() -> None:
    from handrail.streams.governor.partition import PartitionFold
    from tests.log import Outcome

    log = Log()
    log.proposes("get_order")
    log.query("Where is my parcel?")
    fold = PartitionFold(0, None, {})
    outcome = Outcome(fold, [fold.fold(log.records)])
    assert outcome.verdicts == ["block", "block"]
    assert "No policy bundle is active" in outcome.decisions[0]["reasons"][0]["message"]


def test_a_transfer_by_the_agent_opens_a_handoff() -> None:
    log = Log()
    log.query("Where is my parcel?")
    log.event("execution.ended", outcome="transferred")
    outcome = log.fold()
    assert outcome.handoffs[0]["reason"]["code"] == "owner.human"
