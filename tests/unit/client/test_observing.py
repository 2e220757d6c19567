"""Observe mode: everything is told, nothing is waited for, nothing raises."""

import logging

import pytest

from handrail.client import ConfigError
from handrail.client.observing import QUEUED_MAX
from tests.unit.client.inprocess import Governor


async def test_what_would_be_blocked_goes_on_and_the_decision_comes_later(caplog: pytest.LogCaptureFixture) -> None:
    governor, ran = Governor(), []
    caplog.set_level(logging.INFO, "handrail.client")
    async with governor.agent(observe=True) as agent:
        refund = agent.tool(lambda amount: ran.append(amount), name="refund")
        await refund(900)
        query = await agent.route("I want my money back")
        permit = await agent.propose("refund", {"amount": 901})
        assert (permit.allowed, permit.decision, query.route) == (True, None, "ai")
        decision = await agent.decided(permit)
    assert ran == [900]
    assert decision is not None
    assert decision.verdict == "block"
    assert "would be answered block: Refund of $901 is too high." in caplog.text
    assert len(governor.published("action.executed")) == 1


async def test_what_is_told_keeps_its_order_and_is_there_at_the_end() -> None:
    governor = Governor()
    async with governor.agent(observe=True) as agent:
        for number in range(20):
            await agent.feedback(text=str(number))
    assert [data["text"] for data in governor.published("feedback.received")] == [str(number) for number in range(20)]


async def test_nothing_raises_where_kafka_refuses_or_no_decision_comes(caplog: pytest.LogCaptureFixture) -> None:
    governor = Governor()
    governor.changed = lambda decided: None
    async with governor.agent(observe=True) as agent:
        assert await agent.decided(await agent.propose("refund", {"amount": 900})) is None
        governor.away = True
        permit = await agent.propose("refund", {"amount": 900})
        await agent.executed(permit)
        assert await agent.decided(permit) is None
    assert "2 events were not recorded" in caplog.text


async def test_what_is_too_much_is_counted_and_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    async with Governor().agent(observe=True) as agent:
        for _ in range(QUEUED_MAX + 10):
            await agent.feedback(csat=5)
    assert "11 events were not recorded" in caplog.text


async def test_wrong_use_is_still_an_error() -> None:
    agent = Governor().agent(observe=True)
    with pytest.raises(ConfigError):
        await agent.route("Hello")
