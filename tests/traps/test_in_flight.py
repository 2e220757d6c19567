"""Trap 2: with concurrency above one, offsets are committed past records that are still in flight."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from handrail.policies import load_bundle
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.fetch import Fetch
from handrail.streams.engine.pipeline import Pipeline
from handrail.streams.engine.producer import Written
from handrail.streams.governor.partition import PartitionFold
from tests.crash.simulation.worker import TP0, Consumer, Event, Tally
from tests.log import Log
from tests.traps.acknowledging import Acknowledged, States, until
from tests.traps.kafka import create, publish, until_committed
from tests.traps.programs import stock

FAST = [f"fast-{number}".encode() for number in range(5)]


@pytest.mark.long
@pytest.mark.kafka
def test_stock_commits_past_a_record_in_flight_and_a_kill_loses_it(embedded: str, tmp_path: Path) -> None:
    asyncio.run(create(embedded, trap_events=1))
    with stock(embedded, tmp_path, "in_flight", CONCURRENCY="2", SLOW="1") as first:
        asyncio.run(publish(embedded, [b"before"]))
        first.until("processed", "before")
        asyncio.run(until_committed(embedded, "trap", 1))
        asyncio.run(publish(embedded, [b"slow", *FAST]))
        first.until("began", "slow")
        passed = asyncio.run(until_committed(embedded, "trap", 2))
    with stock(embedded, tmp_path, "in_flight", CONCURRENCY="2", SLOW="0") as second:
        asyncio.run(publish(embedded, [b"last"]))
        second.until("processed", "last")
    processed = {*first.values("processed"), *second.values("processed")}
    print(f"stock: committed {passed} while offset 1 was in flight; after kill -9 processed {sorted(processed)}")
    assert "slow" not in processed
    assert processed >= {"before", "last"}


class FirstHeld(Acknowledged):
    """Only the first write waits."""

    async def write(self, topic: str, partition: int, rows: Any) -> list[Written]:
        if self.writes:
            self.writes += 1
            return [Written(self.writes, len(list(rows)))]
        return await super().write(topic, partition, rows)


def folded(pipeline: Pipeline, offset: int) -> bool:
    return pipeline.fold.position == offset


async def test_ours_commits_nothing_past_a_record_in_flight() -> None:
    log, rules, producer, consumer = Log(), load_bundle(None), FirstHeld(), Consumer()
    producer.open.clear()
    for number in range(3):
        log.proposes("get_order", order_id=number)
    fold = PartitionFold(0, None, {rules.ruleset: rules}, rules.ruleset)
    known: Any = producer
    parts: Any = (consumer, Issuer(known, None, "worker"), None, Tally())
    pipeline = Pipeline(TP0, fold, States(known, "", 0, 0), *parts)
    running = asyncio.create_task(pipeline.run())
    for record in log.records:
        pipeline.put(Event(Fetch([record], consumer.epoch, 0)))
        await until(partial(folded, pipeline, record.offset))
    await until(lambda: producer.writes == len(log.records))
    in_flight = dict(consumer.processed)
    producer.open.set()
    pipeline.close()
    await running
    print(f"ours: {producer.writes} batches on their way, committable {in_flight}; then {consumer.processed}")
    assert in_flight == {}
    assert consumer.processed == {TP0: len(log.records)}
