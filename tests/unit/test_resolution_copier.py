"""Answers that were fetched and dropped in a rebalance are read again; nothing after them is committed before."""

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka import ConsumerRecord
from faust.types import TP

from handrail.schemas.topics import RESOLUTIONS
from handrail.streams.engine.fetch import Backlog, Fetch
from handrail.streams.engine.resolution_copier import ResolutionCopier

PARTITION, COMMITTED = TP(RESOLUTIONS, 0), 105


class Consumer:
    """What ResolutionCopier asks of the engine's consumer."""

    def __init__(self) -> None:
        self.processed: dict[TP, int] = {}
        self.rewound: list[int] = []

    async def committed(self, tp: TP) -> int:
        return COMMITTED

    def rewind(self, tp: TP, offset: int) -> int:
        self.rewound.append(offset)
        return len(self.rewound)

    def backlog(self, tp: TP) -> Backlog:
        return Backlog()


class Broker:
    """Takes what is written; here that is dead letters, for no record is an answer. Holds while `free` is not set."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.free = asyncio.Event()
        self.free.set()
        self.producer = self

    async def write(self, topic: str, partition: int, rows: list[Any]) -> None:
        await self.free.wait()
        self.offsets += [int(dict(row.headers)["handrail-offset"]) for row in rows]

    async def copy(self, partition: int, events: list[Any]) -> None:
        assert not events


def event(first: int, count: int, epoch: int) -> Any:
    records = [
        ConsumerRecord(RESOLUTIONS, 0, offset, 0, 0, b"c", b"no answer", None, 1, 9, ())
        for offset in range(first, first + count)
    ]
    return SimpleNamespace(message=SimpleNamespace(tp=PARTITION), value=Fetch.of(records, epoch), ack=lambda: None)


async def assigned() -> tuple[ResolutionCopier, Consumer, Broker]:
    consumer, broker = Consumer(), Broker()
    copier: Any = ResolutionCopier(broker, 4)  # type: ignore[arg-type]
    copier.assign(consumer, {PARTITION})
    await asyncio.sleep(0.01)
    return copier, consumer, broker


async def take(copier: Any, consumer: Consumer, *events: Any) -> None:
    for fetched in events:
        await copier.take(consumer, fetched)


async def test_an_assigned_partition_is_read_from_its_commit() -> None:
    copier, consumer, broker = await assigned()
    await take(copier, consumer, event(215, 3, epoch=0))  # fetched before; 105 to 214 were dropped
    assert (consumer.rewound, consumer.processed, broker.offsets) == ([COMMITTED], {}, [])
    await take(copier, consumer, event(105, 110, epoch=1), event(215, 3, epoch=1))
    assert (consumer.processed, broker.offsets) == ({PARTITION: 218}, list(range(105, 218)))


async def test_what_is_missing_between_two_fetches_is_read_again() -> None:
    copier, consumer, broker = await assigned()
    await take(copier, consumer, event(105, 5, epoch=1), event(120, 5, epoch=1))
    assert (consumer.rewound, consumer.processed) == ([COMMITTED, 110], {PARTITION: 110})
    await take(copier, consumer, event(112, 2, epoch=2))  # 110 and 111 are not on the log
    assert (consumer.processed, broker.offsets) == ({PARTITION: 114}, [105, 106, 107, 108, 109, 112, 113])


async def test_a_partition_that_left_while_it_was_copied_is_not_committed() -> None:
    copier, consumer, broker = await assigned()
    broker.free.clear()
    copying = asyncio.create_task(take(copier, consumer, event(105, 5, epoch=1)))
    await asyncio.sleep(0.01)
    copier.release([PARTITION])
    broker.free.set()
    await copying
    assert (consumer.processed, broker.offsets) == ({}, [105, 106, 107, 108, 109])


async def test_what_comes_before_the_commit_is_known_is_given_back() -> None:
    consumer, broker = Consumer(), Broker()
    copier: Any = ResolutionCopier(broker, 4)  # type: ignore[arg-type]
    copier.assign(consumer, {PARTITION})
    await take(copier, consumer, event(105, 5, epoch=0))
    assert (consumer.processed, broker.offsets) == ({}, [])
