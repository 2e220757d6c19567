"""How far the sink has come."""

from pathlib import Path

from aiokafka import TopicPartition

from handrail.streams.sink.database import LIVE
from handrail.supervisor.stored import count_missing, offsets, records_between
from tests.databases import open_store

ONE, OTHER = TopicPartition("agent.events.v1", 0), TopicPartition("agent.events.v1", 1)


def test_what_is_missing_is_counted_over_all_partitions() -> None:
    assert records_between({ONE: 10, OTHER: 5}, {ONE: 7}) == 8
    assert records_between({ONE: 10}, {ONE: 12}) == 0  # stored meanwhile


async def test_a_database_that_has_all_leaves_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / LIVE)
    store.write("c-1", [], {("agent.events.v1", 0): 10})
    store.close()
    assert offsets(tmp_path, "c-1") == {ONE: 10}
    assert offsets(tmp_path, "c-2") == {}
    assert await count_missing(tmp_path, "c-1", {ONE: 10}) == 0
    assert await count_missing(tmp_path, "c-2", {ONE: 10}) == 10


async def test_without_a_database_everything_is_left(tmp_path: Path) -> None:
    assert await count_missing(tmp_path, "c-1", {ONE: 3}) == 3
