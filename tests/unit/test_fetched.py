"""Records of a fetch are named tuples with the fields of aiokafka's own."""

from dataclasses import fields

from aiokafka import ConsumerRecord
from aiokafka.consumer import fetcher

from handrail.kafka import mended
from handrail.kafka.dropped import PartitionRecords
from handrail.kafka.fetched import FetchedRecord
from tests.unit.test_dropped import fetched


def test_the_fields_are_those_of_aiokafka_in_its_order() -> None:
    """Else a new version of it would fill them wrongly."""
    assert FetchedRecord._fields == tuple(one.name for one in fields(ConsumerRecord))


def test_every_consumer_makes_them() -> None:
    mended.install()
    assert fetcher.PartitionRecords is PartitionRecords
    first = next(fetched(PartitionRecords))
    assert type(first) is FetchedRecord
    assert first == ("topic", 0, 0, 0, 0, b"key", b"value", None, 3, 5, ())
    assert hash(first) == hash(first._replace())
