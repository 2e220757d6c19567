"""An agent waits for a person while the customer writes on: a yes to what was before is no permit, the next one is."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from handrail.broker import EmbeddedBroker
from handrail.client import Agent, Blocked
from handrail.schemas.topics import DECISIONS, HANDOFFS, PARTITIONS, RESOLUTIONS
from tests.bundles import REFUNDS, TOOLS, written
from tests.desk import resolution
from tests.topics import Wire, data, read
from tests.workers import worker

pytestmark = pytest.mark.kafka
WROTE = "Wait, please do NOT send the money yet."


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker and a worker; a refund above $100 needs a person."""
    folder: Path = tmp_path_factory.mktemp("overtaken")
    policies = written(folder / "policies", refunds=REFUNDS, tools=TOOLS)
    with EmbeddedBroker() as running, worker(running.bootstrap, folder, "--policies", str(policies)):
        yield running.bootstrap


async def revision(broker: str, conversation: str, number: int) -> dict[str, Any]:
    """That revision of the conversation's handoff, as soon as it is there."""
    async with Wire(broker, HANDOFFS) as wire:
        while True:
            found = data(await wire.next())
            if (found["conversation_id"], found.get("revision")) == (conversation, number):
                return found


async def overtaken(broker: str, agent: Agent, conversation: str) -> dict[str, Any]:
    """The customer writes, and a person approves what they saw before; the handoff that asks again."""
    first = await revision(broker, conversation, 1)
    await agent.route(WROTE)
    async with Wire(broker, HANDOFFS) as wire:
        await wire.publish(resolution(first, "approved"), RESOLUTIONS)
    return await revision(broker, conversation, 3)


async def test_the_agent_waits_on_and_goes_when_somebody_has_seen_it(broker: str) -> None:
    conversation = f"conv-{uuid4().hex}"
    async with Agent("refunds", conversation=conversation, bootstrap=broker) as agent:
        waiting = asyncio.create_task(agent.propose("refund", {"amount": 300}))
        again = await overtaken(broker, agent, conversation)
        assert [one["text"] for one in again["news"]] == [WROTE]
        assert not waiting.done()
        async with Wire(broker, HANDOFFS) as wire:
            await wire.publish(resolution(again, "approved"), RESOLUTIONS)
        permit = await asyncio.wait_for(waiting, 20)
    assert permit.arguments == {"amount": 300}
    decided = [data(record) for record in await read(broker, DECISIONS, PARTITIONS)]
    released = [one for one in decided if (one["conversation_id"], one["kind"]) == (conversation, "release")]
    assert [one["verdict"] for one in released] == ["require_approval", "allow"]
    assert released[0]["reasons"][0]["code"] == "approval.outdated"


async def test_the_agent_is_told_no_when_the_person_looks_and_denies(broker: str) -> None:
    conversation = f"conv-{uuid4().hex}"
    async with Agent("refunds", conversation=conversation, bootstrap=broker) as agent:
        waiting = asyncio.create_task(agent.propose("refund", {"amount": 250}))
        again = await overtaken(broker, agent, conversation)
        async with Wire(broker, HANDOFFS) as wire:
            await wire.publish(resolution(again, "denied"), RESOLUTIONS)
        with pytest.raises(Blocked):
            await asyncio.wait_for(waiting, 20)
