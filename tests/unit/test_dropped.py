"""What was fetched and is dropped before it is read does not wait for Python to look for cycles."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords as Stock
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from handrail.kafka.dropped import PartitionRecords


@contextmanager
def no_collector() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def fetched(kind: type[Stock]) -> Stock:
    """Three records, as an answer of a broker brings them."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1_000,
    )  # fmt: skip
    for offset in range(3):
        builder.append(offset, 0, b"key", b"value", [])
    records = MemoryRecords(bytes(builder.build()))
    return kind(TopicPartition("topic", 0), records, None, 0, None, None, True, 0)


@pytest.mark.parametrize(("kind", "stays"), [(Stock, True), (PartitionRecords, False)], ids=["aiokafka", "ours"])
def test_a_fetch_that_nobody_has_read_is_freed_when_it_is_dropped(kind: type[Stock], stays: bool) -> None:
    with no_collector():
        found = fetched(kind)
        there = weakref.ref(found)
        del found
        assert (there() is not None) is stays


def test_a_fetch_that_was_read_is_freed_too() -> None:
    with no_collector():
        found = fetched(PartitionRecords)
        there = weakref.ref(found)
        assert len(list(found)) == 3
        del found
        assert there() is None


def test_all_records_come_once() -> None:
    found = fetched(PartitionRecords)
    first = next(found)
    second = next(iter(found))
    assert [record.offset for record in (first, second, *found)] == [0, 1, 2]
    assert (list(found), next(found, None)) == ([], None)
    assert found.next_fetch_offset == 3
