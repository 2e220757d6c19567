"""Trap 6: the memory store keeps what it no longer owns, takes the last state for the newest, passes over errors."""

import asyncio
import gc
import json
import weakref
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaProducer
from faust.types import TP
from prometheus_client import CollectorRegistry

from handrail.kafka.log_id import LogId
from handrail.schemas.topics import AGENT_EVENTS, STATES
from handrail.streams.engine.changelog import POSITION
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.counters import Counters
from handrail.streams.engine.delivery import Delivery
from handrail.streams.engine.partitions import Partitions
from handrail.streams.engine.producer import Headers, Producer
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.governor.partition import PartitionFold
from tests.crash.simulation.worker import PUBLISHED, TP0, Consumer, Known
from tests.log import Log
from tests.traps.acknowledging import until
from tests.traps.kafka import create, publish
from tests.traps.programs import Stock, stock
from tests.workers import worker

pytestmark = pytest.mark.kafka
CHANGELOG = "trap-states-changelog"
ENDED_S_MAX = 60


def until_owned(one: Stock, owned: list[int], keys: int) -> dict[str, Any]:
    """Listen until it owns these partitions and holds at least that many keys; gives what it holds."""
    while True:
        mine, holds = one.until("holds")[1]
        if mine == owned and len(holds) >= keys:
            return dict(holds)


async def both_partitions(bootstrap: str) -> None:
    for partition in (0, 1):
        await publish(bootstrap, [f"of-{partition}".encode()], partition=partition)


@pytest.mark.long
def test_stock_keeps_keys_of_a_partition_that_another_owns(embedded: str, tmp_path: Path) -> None:
    asyncio.run(create(embedded, trap_events=2))
    with stock(embedded, tmp_path, "memory", STANDBYS="0") as first:
        asyncio.run(both_partitions(embedded))
        until_owned(first, [0, 1], 2)
        with stock(embedded, tmp_path, "memory", STANDBYS="0") as second:
            mine, holds = first.until("holds")[1]
            theirs = second.until("holds")[1]
    print(f"stock: owns {mine}, holds {holds}; the other owns {theirs}")
    assert len(mine) == 1
    assert holds.keys() == {"of-0", "of-1"}


class Recovered(Partitions):
    """Partitions whose changelog is empty; `folds` are those still in memory."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.folds: weakref.WeakValueDictionary[int, PartitionFold] = weakref.WeakValueDictionary()

    async def _recovered(self, tp: TP) -> tuple[PartitionFold, Delivery]:
        fold = self.folds[tp.partition] = PartitionFold(tp.partition, 2, PUBLISHED, next(iter(PUBLISHED)))
        return fold, Delivery(self._issuer.producer, "", tp.partition, 0)

    async def _activate(self, fold: PartitionFold, tp: TP) -> None:
        """The first bundle stays."""


async def test_ours_forgets_a_partition_that_another_owns() -> None:
    consumer, nobody = Consumer(), cast(Producer, None)
    parts: Any = (Issuer(nobody, None, "worker"), Known(True), Counters(CollectorRegistry()), print, LogId("", {}))
    partitions = Recovered("", 2, *parts)
    both = {TP0, TP(AGENT_EVENTS, 1)}
    ours: Any = consumer
    try:
        partitions.assign(ours, both)
        await until(lambda: len(partitions.pipelines) == 2)
        held = sorted(partitions.folds)
        await partitions.release(both)
        partitions.assign(ours, {TP0})
        await until(lambda: not partitions.starting)
        gc.collect()
        left = sorted(partitions.folds)
    finally:
        await partitions.close()
    print(f"ours: held the states of {held}, after the rebalance of {left}")
    assert (held, left) == ([0, 1], [0])


def test_ours_takes_the_newest_state_wherever_it_lies() -> None:
    log, found = Log(), PartitionFold(0, None, PUBLISHED, next(iter(PUBLISHED)))
    for number in range(3):
        log.proposes("get_order", order_id=number)
    written = [write for record in log.records for write in found.fold([record]).states if write.key == b"conv-1"]
    first, *_, newest = written
    again = PartitionFold(0, None, PUBLISHED, next(iter(PUBLISHED)))
    for write in (newest, first):
        again.load(write.key, write.value, write.position)
    again.recovered()
    kept = again.stored(b"conv-1")
    assert kept is not None
    print(f"ours: states at {newest.position} and then {first.position} on the changelog: {kept.position} is kept")
    assert (kept.position, kept.value) == (newest.position, newest.value)
    assert again.overwritten == {b"conv-1"}


async def states(bootstrap: str, topic: str, rows: list[tuple[bytes, bytes]], headers: Headers = ()) -> None:
    """Written to partition 0, in order."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for key, value in rows:
            await producer.send_and_wait(topic, value, key=key, partition=0, headers=list(headers))


@pytest.mark.long
def test_stock_takes_the_last_state_and_passes_over_one_it_cannot_read(embedded: str, tmp_path: Path) -> None:
    newest, late = {"at": 9}, {"at": 3}
    rows = [(b'"a"', json.dumps(newest).encode()), (b'"a"', json.dumps(late).encode())]
    rows += [(b'"b"', b"{torn"), (b'"c"', b"1")]

    async def prepared() -> None:
        await create(embedded, trap_events=2, trap_states_changelog=2)
        await states(embedded, CHANGELOG, rows)

    asyncio.run(prepared())
    with stock(embedded, tmp_path, "memory", STANDBYS="0") as one:
        holds = until_owned(one, [0, 1], 1)
    warned = [line for line in one.errors().splitlines() if "Error in recovery" in line]
    print(f"stock: of a changelog {rows} recovery holds {holds}; it went on after {warned}")
    assert holds["a"] == late
    assert "b" not in holds


@pytest.mark.parametrize(
    "headers", [(), ((POSITION, (7).to_bytes(8, "big")),)], ids=["somebody else's", "a worker's, torn"]
)
def test_ours_passes_over_a_state_it_cannot_read_and_says_so(embedded: str, tmp_path: Path, headers: Headers) -> None:
    """A conversation under whose key it lies is folded again from the log (tests/attacks/test_forged_states.py)."""

    async def prepared() -> None:
        await ensure_topics(embedded)
        await states(embedded, STATES, [(b"conv-1", b"{torn")], headers)

    asyncio.run(prepared())
    with worker(embedded, tmp_path) as one:
        said = one.said()
    print(f"ours: {said.splitlines()}")
    assert f"{STATES}[0] offset 0 ('conv-1'): " in said
    assert "passed over" in said
