"""Approvals that an agent waits for, gives up and waits for again, with the real fold and no Kafka between."""

import asyncio

import pytest

from handrail.client import (
    Blocked,
    NeedsApproval,
    Unusable,
)
from tests.unit.client.inprocess import Governor, until


async def test_an_approval_is_waited_for_and_serves() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        asked = asyncio.create_task(agent.propose("refund", {"amount": 300}))
        await until(lambda: governor.handoffs)
        assert not asked.done()
        governor.resolves("approved")
        permit = await asked
    assert permit.decision is not None
    assert (permit.decision.kind, permit.decision.verdict) == ("release", "allow")


async def test_a_denial_is_a_block() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        asked = asyncio.create_task(agent.propose("refund", {"amount": 300}))
        await until(lambda: governor.handoffs)
        governor.resolves("denied")
        with pytest.raises(Blocked) as caught:
            await asked
    assert caught.value.decision is not None
    assert [reason.code for reason in caught.value.decision.reasons] == ["approval.denied"]


async def test_an_approval_that_nobody_gives_in_time_is_no_permit() -> None:
    governor = Governor()
    async with governor.agent(approval_timeout_s=0.05) as agent:
        with pytest.raises(NeedsApproval, match=r"nobody approved it within 0\.05 s"):
            await agent.propose("refund", {"amount": 300})
        with pytest.raises(NeedsApproval) as caught:
            await agent.propose("refund", {"amount": 301}, wait_approval=False)
    assert caught.value.decision is not None
    assert caught.value.decision.handoff_id == governor.handoffs[-1]["handoff_id"]


async def test_what_is_answered_while_nobody_waits_is_there_for_who_asks_again() -> None:
    governor = Governor()
    async with governor.agent(approval_timeout_s=5) as agent:
        with pytest.raises(NeedsApproval) as waits:
            await agent.propose("refund", {"amount": 300}, wait_approval=False)
        governor.resolves("approved")
        assert waits.value.decision is not None
        permit = await agent.propose("refund", {"amount": 300}, action_id=waits.value.decision.action_id)
    assert permit.decision is not None
    assert (permit.decision.kind, permit.action_id) == ("release", waits.value.decision.action_id)
    assert len(governor.published("action.proposed")) == 1


async def test_who_gives_up_waiting_can_wait_again_but_only_for_the_same_call() -> None:
    governor = Governor()
    async with governor.agent(approval_timeout_s=0.05) as agent:
        with pytest.raises(NeedsApproval, match=r"within 0\.05 s \(handoff hf-\w+\): Refund of \$300"):
            await agent.propose("refund", {"amount": 300}, action_id="a1")
        asked = asyncio.create_task(agent.propose("refund", {"amount": 300}, action_id="a1"))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait([asked])
        governor.resolves("denied")
        with pytest.raises(Blocked):
            await agent.propose("refund", {"amount": 300}, action_id="a1")
        with pytest.raises(NeedsApproval):
            await agent.propose("refund", {"amount": 310}, action_id="a2", wait_approval=False)
        governor.resolves("approved")
        with pytest.raises(Unusable, match="other arguments"):
            await agent.propose("refund", {"amount": 320}, action_id="a2")


async def test_an_approval_that_was_used_up_before_a_restart_is_not_waited_for() -> None:
    governor = Governor()
    async with governor.agent(execution="conv-1/1") as agent:
        with pytest.raises(NeedsApproval):
            await agent.propose("refund", {"amount": 300}, action_id="a1", wait_approval=False)
    governor.resolves("approved")
    async with governor.agent(execution="conv-1/1", approval_timeout_s=60) as agent:
        with pytest.raises(NeedsApproval, match=r"was answered, or has expired, .* under a new action_id"):
            await agent.propose("refund", {"amount": 300}, action_id="a1")


async def test_an_approval_that_is_open_over_a_restart_is_waited_for_again() -> None:
    governor = Governor()
    async with governor.agent(execution="conv-1/1") as agent:
        with pytest.raises(NeedsApproval):
            await agent.propose("refund", {"amount": 300}, action_id="a1", wait_approval=False)
    async with governor.agent(execution="conv-1/1") as agent:
        asked = asyncio.create_task(agent.propose("refund", {"amount": 300}, action_id="a1"))
        await until(lambda: len(governor.published("action.proposed")) == 2)
        governor.resolves("approved")
        assert (await asked).allowed
    assert len(governor.handoffs) == 1


async def test_no_more_unanswered_calls_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handrail.client.enforcement.PENDING_APPROVALS_MAX", 2)
    governor = Governor(waiting_max=3)
    async with governor.agent() as agent:
        for amount in range(300, 306):
            with pytest.raises(NeedsApproval):
                await agent.propose("refund", {"amount": amount}, wait_approval=False)


async def test_whoever_waits_for_a_person_says_so_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with Governor().agent(approval_timeout_s=0.05) as agent:
        with pytest.raises(NeedsApproval):
            await agent.propose("refund", {"amount": 300})
    assert "conv-1: refund: waits for a person (handoff hf-" in caplog.text


async def test_one_approval_serves_one_of_two_equal_proposals() -> None:
    governor = Governor()
    async with governor.agent(approval_timeout_s=5) as agent:
        first = asyncio.create_task(agent.propose("refund", {"amount": 300}, action_id="a1"))
        await until(lambda: governor.handoffs)
        second = asyncio.create_task(agent.propose("refund", {"amount": 300}, action_id="a2"))
        await until(lambda: len(governor.published("action.proposed")) == 2)
        governor.resolves("approved")
        assert (await first).allowed
        with pytest.raises(NeedsApproval, match="the approval serves action a1"):
            await second


async def test_a_denial_of_the_first_of_two_equal_proposals_blocks_both() -> None:
    governor = Governor()
    async with governor.agent(approval_timeout_s=5) as agent:
        both = [asyncio.create_task(agent.propose("refund", {"amount": 300})) for _ in range(2)]
        await until(lambda: len(governor.published("action.proposed")) == 2)
        governor.resolves("denied")
        answers = await asyncio.gather(*both, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Blocked, Blocked]
