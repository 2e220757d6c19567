"""A produce that the broker refuses: the worker ends at once with a clear last line, and nothing is lost."""

from pathlib import Path

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from handrail.schemas.topics import DECISIONS, PARTITIONS
from tests.brokers import admin_of
from tests.integration.test_worker import POLICIES, refund
from tests.oracle import compare
from tests.topics import Wire
from tests.workers import worker


async def limit(broker: str, size: int) -> None:
    """Decisions may have so many bytes."""
    async with admin_of(broker) as admin:
        asked = ConfigResource(ConfigResourceType.TOPIC, DECISIONS, configs={"max.message.bytes": str(size)})
        for answer in await admin.alter_configs([asked]):
            assert all(code == 0 for code, *_ in answer.resources)


@pytest.mark.kafka
@pytest.mark.apache
async def test_a_refused_produce_ends_the_worker_and_its_successor_answers(apache: str, tmp_path: Path) -> None:
    with worker(apache, tmp_path, "--policies", str(POLICIES)) as one:
        async with Wire(apache, DECISIONS) as wire:
            await limit(apache, 100)
            await wire.publish(refund("conv-1", 20))
            assert one.process.wait(30) == 1
            last = one.said().strip().splitlines()[-1]
            assert last.startswith("handrail worker: stopped: agent.events.v1[")
            assert "MessageSizeTooLarge" in last
            await limit(apache, 1_000_000)
            with worker(apache, tmp_path, "--policies", str(POLICIES)):
                await wire.next()
    verdict = await compare(apache, PARTITIONS)
    assert (verdict.lost, verdict.wrong) == ([], [])
