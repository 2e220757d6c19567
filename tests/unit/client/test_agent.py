"""What an agent gets for what it asks, with the real fold behind it and no Kafka between."""

import asyncio
from typing import Any

import pytest

from handrail.client import (
    Agent,
    Blocked,
    ConfigError,
    GovernanceError,
    Halted,
    NeedsApproval,
    NoDecision,
    NotRecorded,
    SchemaError,
    Unusable,
)
from tests.bundles import REFUNDS, bundle
from tests.unit.client.inprocess import Governor, until


async def test_what_is_allowed_is_told_with_its_decision() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        permit = await agent.propose("refund", {"amount": 20})
        await agent.executed(permit, {"ok": True})
    assert permit.allowed
    (done,) = governor.published("action.executed")
    assert permit.decision is not None
    assert done["decision_id"] == permit.decision.decision_id
    assert (done["status"], done["result"], done["arguments"]) == ("ok", {"ok": True}, {"amount": 20})


async def test_what_is_blocked_says_why_and_what_to_tell_the_customer() -> None:
    async with Governor().agent() as agent:
        with pytest.raises(Blocked) as caught:
            await agent.propose("refund", {"amount": 900})
    assert str(caught.value) == "conv-1: refund: blocked: Refund of $900 is too high. (refunds/too-high) (+1 more)"
    assert caught.value.decision is not None
    assert caught.value.customer_message == caught.value.decision.customer_message


async def test_a_query_is_routed_and_never_refused() -> None:
    async with Governor().agent() as agent:
        assert (await agent.route("Where is my parcel?")).route == "ai"
        assert (await agent.human_requested(channel="button")).route == "human"
        answer = await agent.route("Hello?")
    assert (answer.route, answer.allowed) == ("human", False)
    assert answer.customer_message


async def test_after_a_persons_takeover_reading_is_allowed_and_writing_is_not() -> None:
    async with Governor().agent() as agent:
        await agent.human_requested()
        await agent.propose("get_order", {"order_id": "1"})
        with pytest.raises(Blocked) as caught:
            await agent.respond("I will refund you.")
    assert caught.value.decision is not None
    assert [reason.code for reason in caught.value.decision.reasons] == ["owner.human"]


async def test_an_answer_that_may_be_said_is_told_as_said() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        await agent.respond("It is on its way.", confidence=0.9)
    (sent,) = governor.published("message.sent")
    assert (sent["role"], sent["text"]) == ("assistant", "It is on its way.")


async def test_a_loop_is_blocked_then_halted_and_the_next_agent_hears_it_too() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        for _ in range(2):
            await agent.executed(await agent.propose("get_order", {"order_id": "1"}), {"total": 3})
        with pytest.raises(Blocked):
            await agent.propose("get_order", {"order_id": "1"})
        with pytest.raises(Halted):
            await agent.propose("get_order", {"order_id": "1"})
        with pytest.raises(Halted):
            await agent.respond("Hello")
    async with governor.agent() as agent:
        with pytest.raises(Halted):
            await agent.propose("get_order", {"order_id": "2"})
    assert len(governor.published("action.proposed")) == 5, "the log is asked each time"


async def test_costs_that_pass_the_limit_halt_what_is_asked_next() -> None:
    async with Governor().agent() as agent:
        await agent.llm("openai/gpt-x", {"input_tokens": 10, "output_tokens": 5}, cost_usd="11")
        with pytest.raises(Halted):
            await agent.propose("get_order", {"order_id": "1"})


async def test_no_decision_is_no_permit() -> None:
    governor = Governor()
    governor.changed = lambda decided: None
    async with governor.agent() as agent:
        with pytest.raises(NoDecision, match=r"no decision within 0.05 s: is a worker running") as caught:
            await agent.propose("refund", {"amount": 20})
        assert caught.value.decision is None
        assert caught.value.customer_message
        with pytest.raises(NoDecision):
            await agent.route("Hello")


async def test_a_kafka_that_refuses_is_no_permit_and_what_is_told_is_known_as_lost() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        permit = await agent.propose("refund", {"amount": 20})
        governor.away = True
        with pytest.raises(NoDecision, match="it could not be asked"):
            await agent.propose("refund", {"amount": 20})
        with pytest.raises(NotRecorded):
            await agent.executed(permit)


async def test_more_waiting_than_the_bound_is_refused_at_once() -> None:
    governor = Governor(waiting_max=1)
    governor.changed = lambda decided: None
    async with governor.agent(timeout_s=1) as agent:
        first = asyncio.create_task(agent.propose("refund", {"amount": 20}))
        await until(lambda: governor.published("action.proposed"))
        with pytest.raises(NoDecision, match="1 decisions are waited for already"):
            await agent.propose("refund", {"amount": 21})
        first.cancel()
        await asyncio.wait([first])
        governor.changed = lambda decided: decided
        assert (await agent.propose("refund", {"amount": 22})).allowed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"action_digest": "0" * 64}, "other arguments"),
        ({"action_id": "other"}, "it is for"),
        ({"agent_id": "other"}, "it is for"),
        ({"execution_id": "other"}, "it is for"),
        ({"tenant": "other"}, "other arguments"),
        ({"expires_at": None}, "no expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "had expired when it arrived again"),
    ],
)
async def test_a_decision_for_something_else_or_too_old_is_refused(change: dict[str, Any], why: str) -> None:
    governor = Governor()
    governor.changed = lambda decided: decided | change
    async with governor.agent() as agent:
        with pytest.raises(Unusable, match=why) as caught:
            await agent.propose("refund", {"amount": 20})
    assert caught.value.decision is not None


async def test_a_release_of_another_action_is_refused() -> None:
    governor = Governor()
    async with governor.agent(approval_timeout_s=5) as agent:
        asked = asyncio.create_task(agent.propose("refund", {"amount": 300}))
        await until(lambda: governor.handoffs)
        governor.changed = lambda decided: decided | {"action_digest": "0" * 64}
        governor.resolves("approved")
        with pytest.raises(Unusable):
            await asked


async def test_the_tenant_of_a_conversation_is_the_first_that_was_named() -> None:
    governor = Governor()
    async with governor.agent(tenant="acme") as agent:
        assert (await agent.propose("refund", {"amount": 20})).allowed
    async with governor.agent(tenant="other") as agent:
        with pytest.raises(Unusable, match="belongs to tenant 'acme', not 'other'"):
            await agent.propose("refund", {"amount": 21})
    async with governor.agent() as agent:
        assert (await agent.propose("refund", {"amount": 22})).allowed


async def test_the_same_action_id_again_is_a_repeat_and_counts_once() -> None:
    governor = Governor()
    async with governor.agent(execution="conv-1/1") as agent:
        first = await agent.propose("refund", {"amount": 20}, action_id="a1")
    async with governor.agent(execution="conv-1/1") as agent:
        again = await agent.propose("refund", {"amount": 20}, action_id="a1")
    assert first.decision is not None
    assert again.decision is not None
    assert (again.decision.decision_id, again.decision.repeat) == (first.decision.decision_id, True)
    assert again.decision.usage.steps == 1


async def test_a_permit_does_not_last() -> None:
    governor = Governor(bundle(refunds=REFUNDS, limits="default: {decision_ttl_s: 1}\n"))
    governor.changed = lambda decided: decided | {"expires_at": "2025-11-24T16:00:02.050Z"}
    async with governor.agent() as agent:
        permit = await agent.propose("refund", {"amount": 20})
        permit.check()
        await until(lambda: expired(permit))


def expired(permit: Any) -> bool:
    try:
        permit.check()
    except Unusable:
        return True
    return False


async def test_an_agent_that_its_bundle_observes_is_never_held() -> None:
    observed = bundle(refunds=REFUNDS, agents="agents: {refunds: {enforcement: observe}}\n")
    async with Governor(observed).agent() as agent:
        blocked = await agent.propose("refund", {"amount": 900})
        waiting = await agent.propose("refund", {"amount": 300})
    assert blocked.decision is not None
    assert waiting.decision is not None
    assert (blocked.allowed, blocked.decision.verdict) == (True, "block")
    assert (waiting.allowed, waiting.decision.verdict) == (True, "require_approval")


@pytest.mark.parametrize(
    "arguments",
    [{"amount": float("nan")}, {"amount": {1, 2}}, {"amount": 2**60}, {"note": "\ud800"}, {"note": "x" * 1_000_000}],
)
async def test_what_would_be_a_dead_letter_is_refused_before_it_is_sent(arguments: dict[str, Any]) -> None:
    governor = Governor()
    async with governor.agent() as agent:
        with pytest.raises(SchemaError, match=r"^action\.proposed: ") as caught:
            await agent.propose("refund", arguments)
    assert "\n" not in str(caught.value)
    assert governor.published("action.proposed") == []


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("feedback", {"csat": 6}),
        ("ended", {"outcome": "well"}),
        ("llm", {"model": "m", "usage": {"input_tokens": -1, "output_tokens": 0}}),
    ],
)
async def test_a_wrong_field_is_refused_at_once(method: str, given: dict[str, Any]) -> None:
    async with Governor().agent() as agent:
        with pytest.raises(SchemaError):
            await getattr(agent, method)(**given)


async def test_everything_else_that_can_be_told_is_told() -> None:
    governor = Governor()
    customer = {"ref": "c-1", "tier": "gold"}
    async with governor.agent(customer=customer, channel="chat", goal="a refund", agent_version="7") as agent:
        usage = {"input_tokens": 10, "output_tokens": 5}
        await agent.llm({"provider": "openai", "name": "gpt-x"}, usage, cost_usd="0.0041", latency_ms=12, confidence=1)
        await agent.customer_acted("pay", {"amount": 3}, result={"ok": True})
        await agent.human_replied("I have sent you a new one.")
        await agent.feedback(csat=5, resolved=True, text="thanks")
        await agent.ended("resolved", reason="done")
    (started,) = governor.published("execution.started")
    assert (started["customer"], started["channel"], started["goal"]) == (customer, "chat", "a refund")
    assert [event["type"].split(".", 1)[1] for event in governor.events] == [
        "execution.started.v1",
        "llm.completed.v1",
        "customer.acted.v1",
        "message.sent.v1",
        "feedback.received.v1",
        "execution.ended.v1",
    ]
    assert {event["data"]["execution_id"] for event in governor.events} == {agent.execution}
    assert governor.published("llm.completed")[0]["cost_usd"] == "0.0041"
    assert governor.published("message.sent")[0]["role"] == "human_agent"


async def test_outside_of_its_block_an_agent_does_nothing() -> None:
    agent = Governor().agent()
    with pytest.raises(ConfigError, match="async with Agent"):
        await agent.propose("refund", {"amount": 20})
    async with agent:
        with pytest.raises(ConfigError, match="entered already"):
            await agent.__aenter__()
    with pytest.raises(ConfigError, match="async with Agent"):
        await agent.route("Hello")


@pytest.mark.parametrize("address", ["kafka", "kafka:", "kafka:x", ":9092", "a:1,b", "kafka:99999"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"must be HOST:PORT"):
        Agent("refunds", conversation="conv-1", bootstrap=address)


def test_the_environment_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_BOOTSTRAP", "kafka-1:9092,kafka-2:9092")
    assert Agent("refunds", conversation="conv-1").client.bootstrap == "kafka-1:9092,kafka-2:9092"
    assert Agent("refunds", conversation="conv-1", bootstrap="here:1").client.bootstrap == "here:1"


def test_whoever_catches_governance_error_catches_all_that_stops_an_action() -> None:
    assert {Blocked, Halted, NeedsApproval, NoDecision, NotRecorded, Unusable} <= set(GovernanceError.__subclasses__())
