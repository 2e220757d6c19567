"""Patches of aiokafka: a dropped fetch is freed at once; records are named tuples with the fields of aiokafka's own."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords as Stock
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from handrail.kafka import aiokafka_patches
from handrail.kafka.aiokafka_patches import FetchedRecord, PartitionRecords


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
        records = fetched(kind)
        there = weakref.ref(records)
        del records
        assert (there() is not None) is stays


def test_a_fetch_that_was_read_is_freed_too() -> None:
    with no_collector():
        records = fetched(PartitionRecords)
        there = weakref.ref(records)
        assert len(list(records)) == 3
        del records
        assert there() is None


def test_all_records_come_once() -> None:
    records = fetched(PartitionRecords)
    first = next(records)
    second = next(iter(records))
    assert [record.offset for record in (first, second, *records)] == [0, 1, 2]
    assert (list(records), next(records, None)) == ([], None)
    assert records.next_fetch_offset == 3


def test_the_fields_are_those_of_aiokafka_in_its_order() -> None:
    """Else a new version of it would fill them wrongly."""
    assert FetchedRecord._fields == tuple(field.name for field in fields(ConsumerRecord))


def test_every_consumer_makes_them() -> None:
    aiokafka_patches.install()
    assert fetcher.PartitionRecords is PartitionRecords
    first = next(fetched(PartitionRecords))
    assert type(first) is FetchedRecord
    assert first == ("topic", 0, 0, 0, 0, b"key", b"value", None, 3, 5, ())
    assert hash(first) == hash(first._replace())
