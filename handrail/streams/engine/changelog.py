"""The changelog of the states: read whole for recovery, in part where somebody else wrote to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence

from aiokafka import ConsumerRecord, TopicPartition

from handrail.schemas.errors import EngineError
from handrail.schemas.record import StateWrite
from handrail.schemas.topics import STATES
from handrail.streams.engine import origin
from handrail.streams.engine.ends import ends
from handrail.streams.engine.producer import Row
from handrail.streams.engine.reading import reading
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import PARTITION_KEY

TELL_S = 5.0
RECORDS_MAX = 500  # loaded in one go: the event loop does nothing else meanwhile

POSITION = "p"  # header: eight bytes, big-endian; tombstones have no value that could carry it


def row_of(write: StateWrite, mark: bytes = b"") -> Row:
    """The changelog record of a state; `mark` names the log that a partition's own one was folded from."""
    headers = ((POSITION, write.position.to_bytes(8, "big", signed=True)),)
    return Row(write.key, write.value, (*headers, (origin.LOG, mark)) if mark else headers)


def position_of(record: ConsumerRecord) -> int:
    """The position a state was written at. Raises EngineError."""
    for name, value in record.headers:
        if name == POSITION:
            return int.from_bytes(value, "big", signed=True)
    place = f"{record.topic}[{record.partition}] offset {record.offset}"
    raise EngineError(f"{place}: no position header: something else than a worker writes to this topic; stop it")


def load(fold: PartitionFold, records: Sequence[ConsumerRecord], mark: bytes = b"") -> None:
    """Hand states to a fold, in the order of the changelog, with more to come.

    `mark` names the log that they must have been folded from. Raises EngineError.
    """
    for record in records:
        if record.key == PARTITION_KEY:
            origin.check_mark(fold.number, dict(record.headers).get(origin.LOG), mark)
        fold.load(record.key, record.value, position_of(record))
    fold.follow()


async def read(
    bootstrap: str,
    fold: PartitionFold,
    tell: Callable[[int, int], None] = lambda *_: None,
    first: int = 0,
    mark: bytes = b"",
) -> int:
    """Load every record of the fold's partition from `first` on; gives the offset after them.

    `tell(read, all)` is called now and then where it takes long; records that compaction has removed count as read.
    The fold has still to be told that it is recovered. `mark`: as `load` takes it.
    """
    end = await end_of(bootstrap, fold.number)
    told_s = time.monotonic()
    async for records in _records(bootstrap, fold.number, first, end):
        load(fold, records, mark)
        if records and time.monotonic() - told_s >= TELL_S:
            told_s = time.monotonic()
            tell(records[-1].offset + 1, end)
    return end


async def end_of(bootstrap: str, partition: int) -> int:
    """The offset that the next state of the partition will get."""
    tp = TopicPartition(STATES, partition)
    return (await ends(bootstrap, [tp]))[tp]


async def keys_between(bootstrap: str, partition: int, first: int, end: int) -> set[bytes]:
    """The keys of the records from `first` up to, not including, `end`."""
    return {record.key async for records in _records(bootstrap, partition, first, end) for record in records}


async def _records(bootstrap: str, partition: int, first: int, end: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
    """At most RECORDS_MAX at a time; others have their turn in between."""
    if first >= end:
        return
    tp = TopicPartition(STATES, partition)
    async with reading(bootstrap) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, first)
        while await consumer.position(tp) < end:
            found = await consumer.getmany(tp, timeout_ms=1000, max_records=RECORDS_MAX)
            yield [record for record in found.get(tp, ()) if record.offset < end]
            await asyncio.sleep(0)
