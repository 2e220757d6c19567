"""The same through a real broker and worker: one person typed twice, an agent that approves, a borrowed mode."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from handrail.broker import EmbeddedBroker
from handrail.cli import main
from handrail.client import Agent, Blocked, NeedsApproval
from handrail.schemas.topics import ALERTS, DEADLETTERS, PARTITIONS, RESOLUTIONS
from tests.bundles import TOOLS, TWO_PEOPLE, written
from tests.desk import resolution
from tests.topics import Wire, data, read
from tests.workers import worker

pytestmark = pytest.mark.kafka
AGENTS = """
agents:
  trainee: {enforcement: observe, sources: [/agents/trainee]}
human_sources: [/crm/chat]
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker and a worker; a refund above $100 needs two people."""
    folder: Path = tmp_path_factory.mktemp("speakers")
    policies = written(folder / "policies", refunds=TWO_PEOPLE, tools=TOOLS, agents=AGENTS)
    with EmbeddedBroker() as running, worker(running.bootstrap, folder, "--policies", str(policies)):
        yield running.bootstrap


def typed(broker: str, conversation: str, by: str) -> Result:
    """`handrail handoffs approve` as this person types it."""
    return CliRunner().invoke(main, ["handoffs", "approve", conversation, "--by", by, "--bootstrap", broker])


async def waits(broker: str, conversation: str) -> str:
    """A refund of $300 is asked for; its handoff."""
    async with Agent("refunds", conversation=conversation, bootstrap=broker) as agent:
        with pytest.raises(NeedsApproval) as asked:
            await agent.propose("refund", {"amount": 300}, wait_approval=False)
    handoff = asked.value.decision.handoff_id
    assert handoff is not None
    return handoff


async def told(broker: str, topic: str) -> list[dict[str, Any]]:
    return [data(record) for record in await read(broker, topic, PARTITIONS)]


async def test_the_terminal_counts_one_person_once_under_every_spelling(broker: str) -> None:
    conversation = f"conv-{uuid4().hex}"
    await waits(broker, conversation)
    first = await asyncio.to_thread(typed, broker, conversation, "agent-7")
    assert first.stdout == "approved, 1 of 2: waits for a second person\n"
    for by in ("agent-7 ", "AGENT-7", "ａgent-7"):
        again = await asyncio.to_thread(typed, broker, conversation, by)
        assert again.exit_code == 1
        assert "a second person is needed" in again.stderr
    unseen = await asyncio.to_thread(typed, broker, conversation, "agent-7\u200b")
    assert unseen.exit_code == 2
    assert "U+200B" in unseen.stderr
    agent = await asyncio.to_thread(typed, broker, conversation, "Refunds")
    assert agent.exit_code == 1
    assert "not counted: an agent answered" in agent.stderr
    second = await asyncio.to_thread(typed, broker, conversation, "agent-8")
    assert second.stdout.startswith("approved: the agent may now")


async def test_an_answer_written_past_our_tools_is_refused_by_the_worker(broker: str) -> None:
    conversation = f"conv-{uuid4().hex}"
    handoff = await waits(broker, conversation)
    record = {"handoff_id": handoff, "conversation_id": conversation, "pending": None}
    async with Wire(broker, DEADLETTERS) as wire:
        await wire.publish(resolution(record, "approved", by={"id": "agent\u202e-7"}), RESOLUTIONS)
        letter = await wire.next()
    reason = dict(letter.headers)["handrail-reason"].decode()
    assert reason.startswith("data.by.id: ")
    assert "U+202E" in reason


async def test_an_observed_agents_name_frees_nobody_else(broker: str) -> None:
    async with Agent("trainee", conversation=f"conv-{uuid4().hex}", bootstrap=broker) as trainee:
        assert (await trainee.propose("refund", {"amount": 900})).allowed
    rogue = Agent("Trainee", conversation=f"conv-{uuid4().hex}", bootstrap=broker, source="/agents/rogue")
    async with rogue as agent:
        for amount in (5, 900):
            with pytest.raises(Blocked) as blocked:
                await agent.propose("refund", {"amount": amount})
            assert "agent.source" in [reason.code for reason in blocked.value.decision.reasons]


async def test_the_sdk_tells_where_a_person_wrote(broker: str) -> None:
    conversation = f"conv-{uuid4().hex}"
    async with Agent("refunds", conversation=conversation, bootstrap=broker) as agent:
        await agent.route("My kettle is broken.")
        await agent.human_replied("Kim here, I take this over.", source="/crm/chat")
        with pytest.raises(Blocked) as blocked:
            await agent.respond("I am sorry, I cannot find any kettle.")
    assert [reason.code for reason in blocked.value.decision.reasons] == ["owner.human"]
    about = [one for one in await told(broker, ALERTS) if one["about"].get("conversation_id") == conversation]
    assert [one["kind"] for one in about if one["kind"] == "sla"] == []
