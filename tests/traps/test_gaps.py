"""Trap 3: a hole in what was fetched is called processed, and so is the record behind it."""

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from handrail.policies import load_bundle
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, PARTITIONS
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.fetch import Fetch
from handrail.streams.engine.pipeline import Pipeline
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.governor.partition import PartitionFold
from tests.crash.load import traffic
from tests.crash.simulation.worker import TP0, Consumer, Event, Tally
from tests.groups import behind, workers_group
from tests.log import Log
from tests.oracle import compare
from tests.topics import Wire
from tests.traps.acknowledging import Acknowledged, States, until
from tests.traps.kafka import create, publish, until_committed
from tests.traps.programs import stock
from tests.workers import Worker

RECORDS = 2000
SEED, CONVERSATIONS, TURNS = 20261126, 50, 20
SETTLE_S_MAX = 60


@pytest.mark.long
@pytest.mark.kafka
def test_stock_commits_what_it_dropped_when_a_partition_was_paused(embedded: str, tmp_path: Path) -> None:
    asyncio.run(create(embedded, trap_events=1))
    values = [b"first", b"wait", *(b"later" for _ in range(RECORDS - 2))]
    asyncio.run(publish(embedded, values))
    with stock(embedded, tmp_path, "gaps") as first:
        first.until("resumed")
        asyncio.run(publish(embedded, [b"last"]))
        passed = asyncio.run(until_committed(embedded, "trap", RECORDS + 1))
    processed = set(first.values("processed"))
    missing = sorted(set(range(passed)) - processed)
    print(f"stock: committed {passed}, of these {len(missing)} never processed: {missing[:1]} to {missing[-1:]}")
    assert missing


async def test_ours_reads_a_hole_again_and_commits_nothing_behind_it() -> None:
    log, rules, consumer = Log(), load_bundle(None), Consumer()
    for number in range(6):
        log.proposes("get_order", order_id=number)
    fold = PartitionFold(0, None, {rules.ruleset: rules}, rules.ruleset)
    producer: Any = Acknowledged()
    parts: Any = (consumer, Issuer(producer, None, "worker"), None, Tally())
    pipeline = Pipeline(TP0, fold, States(producer, "", 0, 0), *parts)
    running = asyncio.create_task(pipeline.run())

    async def fetched(first: int, end: int) -> None:
        pipeline.put(Event(Fetch(log.records[first:end], consumer.epoch, 0)))
        await until(lambda: not pipeline._busy)

    await fetched(0, 2)
    await fetched(4, 6)  # the fetch between them was dropped
    behind_the_hole, read_from = dict(consumer.processed), consumer.next
    await fetched(2, 6)
    pipeline.close()
    await running
    print(f"ours: committable {behind_the_hole}, read again from {read_from}; then {consumer.processed}")
    assert (behind_the_hole, read_from) == ({TP0: 2}, 2)
    assert consumer.processed == {TP0: 6}


@pytest.mark.crash
@pytest.mark.kafka
async def test_ours_has_decided_every_committed_record_after_a_kill(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    async with AsyncExitStack() as stack:
        one = Worker(embedded, tmp_path / "one.log")
        stack.callback(one.kill)
        one.wait_ready()
        wire = await stack.enter_async_context(Wire(embedded, DECISIONS))
        await wire.publish_all(traffic(SEED, CONVERSATIONS, TURNS))
        await wire.until(random.Random(SEED).randrange(50, 300))
        one.kill()
        two = Worker(embedded, tmp_path / "two.log")
        stack.callback(two.kill)
        async with asyncio.timeout(SETTLE_S_MAX):
            while await behind(embedded, workers_group(), PARTITIONS):  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # no broker tells when
    verdict = await compare(embedded, PARTITIONS)
    print(f"ours, one kill -9, everything committed in {AGENT_EVENTS}: {verdict}")
    assert verdict.events >= CONVERSATIONS * TURNS
    assert (verdict.lost, verdict.wrong) == ([], [])
