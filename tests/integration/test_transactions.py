"""Events in Kafka transactions are decided when they are on the log: docs/decisions/0015-transactions.md."""

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner

from handrail.cli import main
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from tests.log import Log
from tests.topics import Wire, data
from tests.workers import worker

pytestmark = [pytest.mark.kafka, pytest.mark.apache]
INSIDE, BESIDE = [f"conv-{n}" for n in range(100) if partition_of(f"conv-{n}".encode(), PARTITIONS) == 0][:2]


def proposals(conversation: str, count: int) -> list[bytes]:
    log = Log(conversation)
    for number in range(count):
        log.proposes("get_order", order_id=number)
    return [record.value or b"" for record in log.records]


async def test_what_is_asked_in_a_transaction_is_decided_before_it_ends(apache: str, tmp_path: Path) -> None:
    await ensure_topics(apache)
    first, second = proposals(INSIDE, 2)
    with worker(apache, tmp_path):
        async with (
            AIOKafkaProducer(bootstrap_servers=apache, transactional_id="an-agent") as producer,
            Wire(apache, DECISIONS) as wire,
        ):
            await producer.begin_transaction()
            await producer.send_and_wait(AGENT_EVENTS, first, key=INSIDE.encode())
            assert data(await wire.next())["verdict"] == "allow"

            await wire.raw(BESIDE.encode(), proposals(BESIDE, 1)[0])
            assert data(await wire.next())["conversation_id"] == BESIDE

            await producer.abort_transaction()
            async with producer.transaction():
                await producer.send_and_wait(AGENT_EVENTS, second, key=INSIDE.encode())
            assert data(await wire.next())["usage"]["steps"] == 2
    for options in ((), ("--chain",)):
        done = await asyncio.to_thread(CliRunner().invoke, main, ["verify", "--json", "--bootstrap", apache, *options])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["same"]
