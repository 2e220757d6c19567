"""An old state behind a newer one must not win, not even after compaction and one more recovery."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.admin import NewTopic

from handrail.policies import load_bundle
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import CATALOGUE, DECISIONS, PARTITIONS, STATES
from handrail.streams.engine import pipeline
from handrail.streams.engine.changelog import position_of
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.delivery import Delivery
from handrail.streams.engine.fetch import Fetch
from handrail.streams.engine.producer import Producer
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import PARTITION_KEY
from tests.brokers import admin_of
from tests.crash.simulation.worker import TP0, Consumer, Event, Tally
from tests.crash.waiting import until
from tests.integration.test_changelog import OTHER, states_of, write_again
from tests.integration.test_worker import POLICIES, refund
from tests.log import Log
from tests.oracle import compare
from tests.topics import Wire, data
from tests.workers import worker

AT_ONCE = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "min.compaction.lag.ms": "0"}
COMPACTED_S_MAX = 90


async def changelog_without_a_lag(broker: str) -> None:
    """Compaction may throw away a state as soon as another one of its key lies behind it."""
    settings = CATALOGUE[STATES].configs() | AT_ONCE
    async with admin_of(broker) as admin:
        await admin.create_topics([NewTopic(STATES, PARTITIONS, 1, topic_configs=settings)])
    await ensure_topics(broker)


async def answered(wire: Wire, event: dict[str, Any]) -> dict[str, Any]:
    """Its decision; who recovers may have sent those before it once more."""
    await wire.publish(event)
    while (found := data(await wire.next()))["for"]["id"] != event["id"]:
        continue
    return found


async def compacted(broker: str, key: bytes) -> ConsumerRecord:
    """The one state that compaction has left of a key. Each state that is written may close a segment, so some are."""
    async with asyncio.timeout(COMPACTED_S_MAX):
        while len(found := await states_of(broker, key)) > 1:
            place = found[-1].partition
            ours = [one for one in await states_of(broker, PARTITION_KEY) if one.partition == place]
            await write_again(broker, max(ours, key=position_of))
            await asyncio.sleep(0.2)  # no broker tells when
    return found[0]


@pytest.mark.long
@pytest.mark.crash
@pytest.mark.kafka
@pytest.mark.apache
async def test_a_late_state_is_overwritten_by_whoever_recovers_next(apache: str, tmp_path: Path) -> None:
    """Owner and late writer are both gone: nobody who saw the gap is left, and compaction comes before anybody asks."""
    await changelog_without_a_lag(apache)
    async with Wire(apache, DECISIONS) as wire:
        with worker(apache, tmp_path, "--policies", str(POLICIES)):
            for number in range(2):
                await answered(wire, refund("conv-1", 20, 100) | {"id": f"same-{number}"})
            async with asyncio.timeout(20):
                while len(await states_of(apache, b"conv-1")) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # a state follows its decision
        first, *_, newest = await states_of(apache, b"conv-1")
        await write_again(apache, first)
        with worker(apache, tmp_path, "--policies", str(POLICIES)):
            for number in (8, 9):
                await answered(wire, refund(OTHER, 20, number))
        kept = await compacted(apache, b"conv-1")
        with worker(apache, tmp_path, "--policies", str(POLICIES)):
            third = await answered(wire, refund("conv-1", 20, 100) | {"id": "same-2"})
    assert (position_of(kept), kept.value) == (position_of(newest), newest.value)
    assert position_of(first) < position_of(newest)
    assert [reason["code"] for reason in third["reasons"]] == ["loop.repeat"]
    verdict = await compare(apache, PARTITIONS)
    assert (verdict.lost, verdict.wrong) == ([], [])
    assert partition_of(b"conv-1", PARTITIONS) == kept.partition


@pytest.mark.crash
async def test_the_owner_of_an_idle_partition_looks_for_late_states(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing comes any more, so no write of its own shows it the gap."""
    monkeypatch.setattr(pipeline, "LOOK_S", 0.1)
    await ensure_topics(broker)
    log, rules = Log(), load_bundle(None)
    for number in range(2):
        log.proposes("get_order", order_id=number)
    async with Producer(broker) as producer:
        fold = PartitionFold(0, None, {rules.ruleset: rules}, rules.ruleset)
        parts: Any = (Consumer(), Issuer(producer, None, "worker"), None, Tally())
        ours = pipeline.Pipeline(TP0, fold, Delivery(producer, broker, 0, 0), *parts)
        running = asyncio.create_task(ours.run())
        for record in log.records:
            ours.put(Event(Fetch([record], ours.order.epoch, 0)))
            delivered = record.offset + 1
            await until(lambda: ours._consumer.processed.get(TP0) == delivered, 20)  # noqa: B023
        first, *_, newest = await states_of(broker, b"conv-1")
        await write_again(broker, first)
        async with asyncio.timeout(20):
            while position_of(last := (await states_of(broker, b"conv-1"))[-1]) < position_of(newest):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        ours.close()
        await running
    assert position_of(first) < position_of(newest)
    assert (last.offset > newest.offset, last.value) == (True, newest.value)
