"""Steps, cost and time."""

from tests.log import Log


def test_the_hundred_and_first_action_halts() -> None:
    log = Log()
    for number in range(101):
        log.does("get_order", order_id=number)
    outcome = log.fold(batch=37)
    assert outcome.verdicts == ["allow"] * 100 + ["halt"]
    assert outcome.codes() == ["limit.steps"]
    assert outcome.decisions[-1]["usage"]["steps"] == 101


def test_three_hundred_actions_of_a_conversation_halt_whatever_the_execution() -> None:
    log = Log()
    for number in range(301):
        log.event(
            "action.proposed",
            execution_id=f"run-{number // 90}",
            action_id=f"a{number}",
            tool="get_order",
            arguments={"order_id": number},
        )
    outcome = log.fold(batch=64)
    assert outcome.verdicts == ["allow"] * 300 + ["halt"]
    assert outcome.decisions[-1]["reasons"][0]["evidence"]["field"] == "conversation.steps"


def test_exactly_ten_dollars_are_within_the_limit_and_more_halts_once() -> None:
    log = Log()
    log.spends("9.99")
    log.spends("0.01")
    assert log.fold().decisions == []
    log.spends("0.000001")
    log.spends("1")
    outcome = log.fold()
    assert [(d["kind"], d["verdict"]) for d in outcome.decisions] == [("execution", "halt")]
    assert outcome.codes() == ["limit.cost"]
    assert outcome.decisions[0]["usage"]["cost_usd"] == "10.000001"


def test_thirty_dollars_of_a_conversation_halt() -> None:
    log = Log()
    for number in range(4):
        log.spends("9.00", execution_id=f"run-{number}")
    outcome = log.fold()
    assert outcome.verdicts == ["halt"]
    assert outcome.decisions[0]["reasons"][0]["evidence"]["field"] == "conversation.cost_usd"


def test_after_a_halt_every_proposal_is_answered_halt_in_every_execution() -> None:
    log = Log()
    log.spends("11")
    log.proposes("get_order")
    log.event("response.proposed", response_id="r", text="Here is what I found.", execution_id="another")
    outcome = log.fold()
    assert outcome.verdicts == ["halt", "halt", "halt"]
    assert "halted" in outcome.codes(1)
    assert "halted" in outcome.codes(2)
    assert len(outcome.handoffs) == 1


def test_tokens_of_an_unknown_model_are_counted_and_reported_and_never_free() -> None:
    log = Log()
    usage = {"input_tokens": 700, "output_tokens": 50}
    log.event("llm.completed", model={"provider": "p", "name": "house-7b"}, usage=usage)
    log.event("llm.completed", model={"provider": "p", "name": "house-7b"}, usage=usage)
    log.proposes("get_order")
    outcome = log.fold()
    assert outcome.decisions[0]["usage"]["unpriced_tokens"] == 1500
    assert [alert["kind"] for alert in outcome.of("alert")] == ["model"]


def test_cached_tokens_cost_less_than_fresh_ones() -> None:
    def cost(**usage: int) -> float:
        log = Log()
        log.event("llm.completed", model={"provider": "openai", "name": "gpt-4.1"}, usage=usage)
        log.proposes("get_order")
        return float(log.fold().decisions[0]["usage"]["cost_usd"])

    fresh = cost(input_tokens=1_000_000, output_tokens=0)
    cached = cost(input_tokens=1_000_000, cached_input_tokens=1_000_000, output_tokens=0)
    assert 0 < cached < fresh


def test_proposals_in_an_ended_execution_are_blocked_and_the_next_execution_goes_on() -> None:
    log = Log()
    log.event("execution.ended", outcome="resolved")
    log.proposes("get_order")
    log.event("action.proposed", action_id="b", tool="get_order", arguments={}, execution_id="second")
    assert log.fold().verdicts == ["block", "allow"]
