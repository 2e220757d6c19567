"""The changelog of the states: one rightful writer, who mends what a late one wrote; recovery takes the newest."""

from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRecord

from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import DECISIONS, PARTITIONS, STATES
from handrail.streams.engine.changelog import position_of
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.governor.state import PARTITION_KEY
from tests.integration.test_worker import POLICIES, data, refund
from tests.oracle import compare
from tests.topics import Wire, read
from tests.workers import worker

OTHER = next(f"conv-{n}" for n in range(2, 99) if partition_of(f"conv-{n}".encode(), 4) == partition_of(b"conv-1", 4))


async def states_of(broker: str, key: bytes) -> list[ConsumerRecord]:
    """All that was written under a key, in the order of the log."""
    return [record for record in await read(broker, STATES, PARTITIONS) if record.key == key]


async def write_again(broker: str, old: ConsumerRecord) -> None:
    """What a worker does that was stopped, has lost its partition, and goes on."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all")
    await producer.start()
    await producer.send_and_wait(
        STATES, old.value, key=old.key, partition=old.partition, headers=[tuple(header) for header in old.headers]
    )
    await producer.stop()


async def decided(wire: Wire, event: dict[str, Any]) -> dict[str, Any]:
    await wire.publish(event)
    return data(await wire.next())


async def test_the_owner_writes_again_what_a_late_worker_overwrote(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    async with Wire(broker, DECISIONS) as wire:
        with worker(broker, tmp_path, "--policies", str(POLICIES)) as one:
            for number in range(2):
                await decided(wire, refund("conv-1", 20, number))
            # The position of an event is acknowledged a little after its decision, so a later one makes sure of it.
            await decided(wire, refund(OTHER, 20, 7))
            first, *_, newest = await states_of(broker, b"conv-1")
            await write_again(broker, first)
            await decided(wire, refund(OTHER, 20, 8))  # its state lands behind the late one, which is how it is seen
            assert one.stop() == 0, one.said()
    last = (await states_of(broker, b"conv-1"))[-1]
    assert position_of(last) >= position_of(newest) > position_of(first)
    assert last.value == newest.value


async def test_recovery_takes_the_newest_state_not_the_last(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    async with Wire(broker, DECISIONS) as wire:
        with worker(broker, tmp_path, "--policies", str(POLICIES)) as one:
            for number in range(2):
                await decided(wire, refund("conv-1", 20, 100) | {"id": f"same-{number}"})
            one.stop()
        for key in (b"conv-1", PARTITION_KEY):
            states = [state for state in await states_of(broker, key) if state.partition == placed()]
            await write_again(broker, states[0])
        with worker(broker, tmp_path, "--policies", str(POLICIES)):
            third = await decided(wire, refund("conv-1", 20, 100) | {"id": "same-2"})
    assert [reason["code"] for reason in third["reasons"]] == ["loop.repeat"]
    verdict = await compare(broker, PARTITIONS)
    assert (verdict.lost, verdict.wrong) == ([], [])


def placed() -> int:
    return partition_of(b"conv-1", PARTITIONS)
