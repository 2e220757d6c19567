"""Trap 5: tables count twice after a crash, because the count and the offset are not kept together."""

import asyncio
from pathlib import Path

import pytest

from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, PARTITIONS, STATES
from handrail.streams.engine.topics import ensure_topics
from tests.log import Log
from tests.oracle import compare
from tests.topics import Wire, data, read
from tests.traps.kafka import committed, create, publish
from tests.traps.programs import stock
from tests.workers import Worker

pytestmark = pytest.mark.kafka
RECORDS = 5
CHANGELOG = "trap-counts-changelog"
WRITTEN_S_MAX = 20
NEVER_S = "600"


async def held(bootstrap: str, topic: str, partition: int) -> int:
    return sum(one.partition == partition for one in await read(bootstrap, topic, partition + 1))


async def written(bootstrap: str, topic: str, partition: int, count: int) -> None:
    """Wait until the topic's partition has that many records."""
    async with asyncio.timeout(WRITTEN_S_MAX):
        while await held(bootstrap, topic, partition) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # no broker tells when


@pytest.mark.long
def test_stock_counts_twice(embedded: str, tmp_path: Path) -> None:
    asyncio.run(create(embedded, trap_events=1))
    with stock(embedded, tmp_path, "tables", COMMIT_S=NEVER_S) as first:
        for number in range(RECORDS):  # one by one: the embedded broker reports the end of a batch too early to Faust
            asyncio.run(publish(embedded, [b"event"]))
            first.until("counted", [0, number, number + 1])
        asyncio.run(written(embedded, CHANGELOG, 0, RECORDS))
    passed = asyncio.run(committed(embedded, "trap"))
    with stock(embedded, tmp_path, "tables", COMMIT_S=NEVER_S) as second:
        while (said := second.until("counted")[1])[1] < RECORDS - 1:
            pass
    counted = said[2]
    print(f"stock: {RECORDS} records, {passed} committed before kill -9, counted {counted}")
    assert counted == RECORDS + (RECORDS - passed) > RECORDS


class Uncommitted(Worker):
    """A worker that commits no offset while the test runs."""

    program = ("tests.traps.uncommitted",)


def test_ours_counts_each_record_once(embedded: str, tmp_path: Path) -> None:
    asyncio.run(ensure_topics(embedded))
    log = Log("conv-1")
    number = partition_of(b"conv-1", PARTITIONS)
    for step in range(RECORDS + 1):
        log.proposes("get_order", order_id=step)

    async def decided(first: int, end: int) -> None:
        async with Wire(embedded, DECISIONS) as wire:
            await wire.publish_all(log.records[first:end])
            await wire.until(end)

    first = Uncommitted(embedded, tmp_path / "first.log")
    try:
        first.wait_ready()
        asyncio.run(decided(0, RECORDS))
        asyncio.run(written(embedded, STATES, number, 1))
    finally:
        first.kill()
    passed = asyncio.run(committed(embedded, "handrail", AGENT_EVENTS, number))
    second = Uncommitted(embedded, tmp_path / "second.log")
    try:
        second.wait_ready()
        asyncio.run(decided(RECORDS, RECORDS + 1))
    finally:
        second.kill()
    last = [data(one) for one in asyncio.run(read(embedded, DECISIONS, PARTITIONS))][-1]
    verdict = asyncio.run(compare(embedded, PARTITIONS))
    print(f"ours: {passed} committed before kill -9; decision on record {RECORDS + 1}: step {last['usage']['steps']}")
    assert passed == 0
    assert last["usage"]["steps"] == RECORDS + 1
    assert (verdict.lost, verdict.wrong) == ([], [])
