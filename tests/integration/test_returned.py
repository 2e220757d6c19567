"""An agent learns from a real broker and worker what a person did with what it handed over."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from handrail.client import Agent, Blocked, BlockingAgent, Client
from handrail.schemas.topics import HANDOFFS, RESOLUTIONS
from tests.bundles import REFUNDS, TOOLS, written
from tests.desk import resolution
from tests.topics import Wire, data
from tests.workers import worker


async def answer(broker: str, conversations: list[str], outcome: str, **more: Any) -> None:
    """A person answers the handoff of each conversation as soon as it is there."""
    left = set(conversations)
    async with Wire(broker, HANDOFFS) as wire:
        while left:
            handoff = data(await wire.next())
            if handoff["conversation_id"] in left and "kind" in handoff:
                left.remove(handoff["conversation_id"])
                answer = resolution(handoff, outcome, note=f"about {handoff['conversation_id']}", **more)
                await wire.publish(answer, RESOLUTIONS)


async def test_the_note_comes_back_whether_it_is_waited_for_before_or_after(broker: str, tmp_path: Path) -> None:
    policies = written(tmp_path / "policies", refunds=REFUNDS, tools=TOOLS)
    names = [f"conv-{number}" for number in range(8)]
    with worker(broker, tmp_path, "--policies", str(policies)):
        async with Client(broker) as client:
            backs = await asyncio.gather(
                *(_handed_over(client, name) for name in names), answer(broker, names, "returned")
            )
            await _late(broker, client)
        assert [back for back in backs if back] == [f"about {name}" for name in names]
        await asyncio.to_thread(_blocking, broker)


async def _handed_over(client: Client, name: str) -> str | None:
    async with Agent("refunds", conversation=name, client=client) as agent:
        assert (await agent.human_requested()).route == "human"
        back = await agent.returned(timeout_s=30)
        assert back is not None
        assert back.outcome == "returned"
        assert (await agent.respond(f"Thank you for waiting, {name}.")).allowed
        return back.note


async def _late(broker: str, client: Client) -> None:
    """The person was done before anybody waited; and what another conversation's people do is not told."""
    async with Agent("refunds", conversation="late", client=client) as agent:
        with pytest.raises(Blocked):
            await agent.propose("refund", {"amount": 900})
        await answer(broker, ["late"], "resolved", labels=["voucher"])
        async with Agent("refunds", conversation="other", client=client) as other:
            await other.human_requested()
            assert await other.returned(timeout_s=0.5) is None
        back = await agent.returned(timeout_s=30)
        assert back is not None
        assert (back.outcome, back.by, back.labels) == ("resolved", "desk-1", ["voucher"])


def _blocking(broker: str) -> None:
    with BlockingAgent("refunds", conversation="blocking", bootstrap=broker) as agent:
        agent.human_requested()
        asyncio.run(answer(broker, ["blocking"], "returned"))
        back = agent.returned(timeout_s=30)
        assert back is not None
        assert back.note == "about blocking"
