"""The partition's own state on the log once a day, and `verify` beginning there when retention has cut the log."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import RecordsToDelete
from click.testing import CliRunner

from handrail.cli import main
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, PARTITIONS
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.fetch import record_of
from handrail.streams.governor import snapshot
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import DAY_MS
from tests.brokers import admin_of
from tests.log import Log
from tests.topics import Wire, read
from tests.workers import worker

NAMES = [name for number in range(100) if partition_of((name := f"conv-{number}").encode(), PARTITIONS) == 0]
OLD, NEW = NAMES[:3], NAMES[3:6]


def talk(name: str, turns: int) -> list[bytes]:
    """Queries and proposals of a conversation."""
    log = Log(name)
    for number in range(turns):
        log.query("Where is my parcel?", id=f"{name}-q{number}")
        log.proposes("get_order", event_id=f"{name}-p{number}", order_id=number)
    return [record.value or b"" for record in log.records]


async def decided(wire: Wire, name: str, events: list[bytes]) -> None:
    """All of these are decided when this returns."""
    for event in events:
        await wire.raw(name.encode(), event)
    await wire.until(len(events))


def verify(broker: str, *options: str) -> dict[str, Any]:
    return verified("--bootstrap", broker, *options)


def verified(*options: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["verify", "--json", *options])
    assert done.exit_code in (0, 1), done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def in_files(broker: str, folder: Path, name: str = "--all") -> dict[str, Any]:
    """The same of what `handrail export` writes."""
    events, decisions, bundles = (folder / each for each in ("events.jsonl", "decisions.jsonl", "as-decided"))
    for path, options in ((events, ("--bundle", str(bundles))), (decisions, ("--topic", DECISIONS))):
        done = CliRunner().invoke(main, ["export", name, *options, "--bootstrap", broker])
        assert done.exit_code == 0, done.output
        path.write_bytes(done.stdout_bytes)
    return verified("--events", str(events), "--decisions", str(decisions), "--policies", str(bundles))


async def snapshot_of(broker: str, upto: int) -> dict[str, Any]:
    """The data of a snapshot of partition 0 after that many records, as its owner would write it."""
    bundles = Bundles(broker)
    await bundles.refresh()
    await bundles.load_all()
    fold = PartitionFold(0, PARTITIONS, bundles.known)
    fold.fold([record_of(one) for one in await read(broker, AGENT_EVENTS, PARTITIONS) if one.partition == 0][:upto])
    return snapshot.snapshot_data(fold._state)


async def of_partition_0(broker: str, topic: str) -> list[ConsumerRecord]:
    return [one for one in await read(broker, topic, PARTITIONS) if one.partition == 0]


@pytest.mark.kafka
@pytest.mark.apache
async def test_verify_begins_at_a_snapshot_where_the_log_is_cut(apache: str, tmp_path: Path) -> None:
    with worker(apache, tmp_path):
        async with Wire(apache, DECISIONS) as wire:
            for name in OLD:
                await decided(wire, name, talk(name, 2))
            log = Log("control")
            position = len(await of_partition_0(apache, AGENT_EVENTS))
            log.control("snapshot", **await snapshot_of(apache, position))
            await wire.raw(b"control", log.records[0].value or b"", partition=0)
            for name in (*NEW, *OLD):  # the old ones go on, beside new ones
                await decided(wire, name, talk(name, 3)[4:] if name in OLD else talk(name, 3))
    async with admin_of(apache) as admin:
        await admin.delete_records({TopicPartition(AGENT_EVENTS, 0): RecordsToDelete(before_offset=position - 1)})
    clean = await asyncio.to_thread(verify, apache)
    assert clean["same"], clean["first_difference"]
    assert (clean["expected"], clean["found"]) == (len(NEW) * 6, len(NEW) * 6)
    assert clean["not_judged"] == len(OLD) * 6

    exported = await asyncio.to_thread(in_files, apache, tmp_path)
    assert (exported["same"], exported["not_judged"]) == (True, clean["not_judged"])
    assert exported["expected"] == exported["found"] == clean["expected"]
    alone = await asyncio.to_thread(in_files, apache, tmp_path, NEW[1])
    assert (alone["same"], alone["found"], alone["not_judged"]) == (True, 6, 0)

    written = await of_partition_0(apache, DECISIONS)
    async with Wire(apache) as wire:
        for name in (OLD[0], NEW[0]):
            event = orjson.loads([one.value for one in written if one.key == name.encode()][-1])
            event["data"]["verdict"] = "halt"
            await wire.raw(name.encode(), orjson.dumps(event), DECISIONS)
    planted = await asyncio.to_thread(verify, apache)
    assert (planted["changed"], planted["not_judged"]) == (1, len(OLD) * 6 + 1)
    assert planted["first_difference"]["conversation_id"] == NEW[0]

    async with Wire(apache) as wire:  # it says that its conversation is older, so that nobody would look at it
        event = orjson.loads(next(one.value for one in written if one.key == NEW[2].encode()))
        event["data"]["verdict"], event["data"]["chain"]["since"] = "halt", 0
        await wire.raw(NEW[2].encode(), orjson.dumps(event), DECISIONS)
    hidden = await asyncio.to_thread(verify, apache)
    assert (hidden["changed"], hidden["found"], hidden["not_judged"]) == (2, len(NEW) * 6, len(OLD) * 6 + 1)
    assert (await asyncio.to_thread(in_files, apache, tmp_path))["changed"] == 2
    assert (await asyncio.to_thread(verify, apache, "--chain"))["breaks"] >= 3


@pytest.mark.kafka
@pytest.mark.apache
async def test_a_partition_of_which_nothing_is_left_is_not_judged(apache: str, tmp_path: Path) -> None:
    with worker(apache, tmp_path):
        async with Wire(apache, DECISIONS) as wire:
            await decided(wire, OLD[0], talk(OLD[0], 2))
    last = len(await of_partition_0(apache, AGENT_EVENTS))
    async with admin_of(apache) as admin:
        await admin.delete_records({TopicPartition(AGENT_EVENTS, 0): RecordsToDelete(before_offset=last)})
    found = await asyncio.to_thread(verify, apache)
    assert (found["same"], found["expected"], found["not_judged"]) == (True, 0, 4)


@pytest.mark.kafka
async def test_the_owner_writes_one_a_day(embedded: str, tmp_path: Path) -> None:
    with worker(embedded, tmp_path):
        async with Wire(embedded, DECISIONS) as wire:
            await decided(wire, OLD[0], talk(OLD[0], 1))
            producer = AIOKafkaProducer(bootstrap_servers=embedded)
            await producer.start()
            try:  # the embedded broker takes the producer's time for the log's: a day passes
                tomorrow_ms = int(time.time() * 1000) + DAY_MS + 1000
                for event in talk(OLD[1], 2):
                    await producer.send_and_wait(AGENT_EVENTS, event, OLD[1].encode(), timestamp_ms=tomorrow_ms)
            finally:
                await producer.stop()
            await wire.until(4)
            await decided(wire, OLD[2], talk(OLD[2], 1))
    events = await of_partition_0(embedded, AGENT_EVENTS)
    taken = [event.offset for event in events if b"control.snapshot" in event.value]
    assert len(taken) == 1
    data = orjson.loads(events[taken[0]].value)["data"]
    assert data["position"] < taken[0]
    found = await snapshot_of(embedded, data["position"] + 1)
    assert (found["position"], found["state"]) == (data["position"], data["state"])
