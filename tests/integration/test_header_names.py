"""A header whose name is no UTF-8 stops nobody: Kafka takes it from any producer, and aiokafka alone does not."""

import struct
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from handrail.client import Agent
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, DECISIONS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from tests.log import Log
from tests.oracle import compare
from tests.sinks import sink
from tests.topics import Wire, data, read
from tests.workers import worker

pytestmark = pytest.mark.kafka
CRC = 17  # where a batch has its checksum, which covers what follows


async def send(broker: str, partition: int, values: list[bytes], topic: str = AGENT_EVENTS) -> None:
    """One batch of records, each with a header of the name ff fe fd fc."""
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        batch = producer.create_batch()
        for value in values:
            batch.append(key=b"conv-1", value=value, timestamp=None, headers=[("name", b"v"), ("good", None)])
        batch.close()
        written = batch._build()
        written[:] = written.replace(b"name", b"\xff\xfe\xfd\xfc")
        struct.pack_into(">I", written, CRC, calc_crc32c(memoryview(written)[CRC + 4 :]))
        await (await producer.send_batch(batch, topic, partition=partition))


async def test_a_record_with_such_a_header_is_decided_or_kept(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    log = Log("conv-1")
    log.proposes("get_order", order_id="#1")
    with worker(broker, tmp_path) as one:
        async with Wire(broker, DECISIONS) as wire:
            await wire.publish_all(log.records)
            first = await wire.next()
            log.proposes("get_order", order_id="#2")
            await send(broker, first.partition, [b"{", log.records[1].value or b"", b"}"])
            assert data(await wire.next())["for"]["id"] == "e1"
        assert one.stop() == 0, one.said()
    letters = await read(broker, DEADLETTERS, PARTITIONS)
    assert [letter.value for letter in letters] == [b"{", b"}"]
    assert letters[0].headers[-2:] == (("\\xff\\xfe\\xfd\\xfc", b"v"), ("good", None))
    verdict = await compare(broker, PARTITIONS)
    assert (verdict.lost, verdict.wrong) == ([], [])
    with sink(broker, tmp_path) as store:
        store.wait_stored(2, "deadletters")
        store.wait_stored(3)
        assert store.stop() == 0, store.said()


async def test_agents_go_on_behind_a_decision_with_such_a_header(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = partition_of(b"conv-1", PARTITIONS)
    with worker(broker, tmp_path):
        monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)  # as in a process that has nothing but agents
        async with Agent("refunds", conversation="conv-1", bootstrap=broker) as agent:
            assert (await agent.route("Where is my parcel?")).route == "ai"
            await send(broker, partition, [b"{}"], DECISIONS)
            permit = await agent.propose("get_order", {"order_id": "#1"})
        assert permit.decision is not None
        assert permit.decision.verdict == "allow"
