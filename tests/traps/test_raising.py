"""Trap 1: an agent that raises acknowledges the record it raised on."""

import asyncio
from pathlib import Path

import pytest

from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from tests.log import Log
from tests.oracle import compare
from tests.topics import Wire, data, read
from tests.traps.kafka import committed, create, publish, until_committed
from tests.traps.programs import stock
from tests.workers import Worker, worker

pytestmark = pytest.mark.kafka
ENDED_S_MAX = 60


class Broken(Worker):
    """A worker whose fold raises on the event `odd`."""

    program = ("tests.broken", "odd")


@pytest.mark.long
@pytest.mark.parametrize("how", ["for", "take"])
def test_stock_loses_the_record(embedded: str, tmp_path: Path, how: str) -> None:
    asyncio.run(create(embedded, trap_events=1))
    with stock(embedded, tmp_path, "raising", HOW=how, BROKEN="1") as broken:
        asyncio.run(publish(embedded, [b"first", b"odd"]))
        broken.until("processed", "first")
        asyncio.run(until_committed(embedded, "trap", 2))
        asyncio.run(publish(embedded, [b"later"]))
        broken.until("processed", "later")
        passed = asyncio.run(until_committed(embedded, "trap", 3))
    assert broken.values("processed") == ["first", "later"]
    with stock(embedded, tmp_path, "raising", HOW=how, BROKEN="0") as mended:
        asyncio.run(publish(embedded, [b"last"]))
        mended.until("processed", "last")
    lost = {"first", "odd", "later", "last"} - {*broken.values("processed"), *mended.values("processed")}
    print(f"stock, {how}: committed {passed} of 3, lost for good: {sorted(lost)}")
    assert lost == {"odd"}


def test_ours_stops_at_the_record_and_decides_it_after_a_fix(embedded: str, tmp_path: Path) -> None:
    number = partition_of(b"conv-1", PARTITIONS)
    log = Log("conv-1")
    for event_id in ("first", "odd", "later"):
        log.proposes("get_order", event_id=event_id, order_id=event_id)

    async def load() -> int:
        await ensure_topics(embedded)
        async with Wire(embedded) as wire:
            await wire.publish_all(log.records)
        (found,) = [one for one in await read(embedded, AGENT_EVENTS, PARTITIONS) if b'"id": "odd"' in one.value]
        return int(found.offset)

    offset = asyncio.run(load())
    broken = Broken(embedded, tmp_path / "broken.log")
    try:
        assert broken.process.wait(ENDED_S_MAX) == 1
    finally:
        broken.kill()
    stopped_at = asyncio.run(committed(embedded, "handrail", AGENT_EVENTS, number))
    with worker(embedded, tmp_path):
        asyncio.run(until_committed(embedded, "handrail", offset + 2, AGENT_EVENTS, number))
    decided = [data(one)["for"]["id"] for one in asyncio.run(read(embedded, DECISIONS, PARTITIONS))]
    verdict = asyncio.run(compare(embedded, PARTITIONS))
    print(f"ours: committed {stopped_at}, the record is at {offset}; then {decided}")
    assert stopped_at <= offset
    assert decided == ["first", "odd", "later"]
    assert (verdict.lost, verdict.wrong) == ([], [])
