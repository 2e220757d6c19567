"""A real sink process on a real broker: its rows are the log, whatever happens to it."""

import asyncio
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete

from handrail.broker import EmbeddedBroker
from handrail.kafka.one_log import OneLog
from handrail.schemas.errors import SinkError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, DECISIONS, HANDOFFS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.sink import log_reader
from handrail.streams.sink.log_reader import Reader, cluster_id
from handrail.streams.sink.reading import open_readonly
from handrail.streams.sink.stage import TOPICS
from tests.brokers import admin_of
from tests.bundles import refunds
from tests.log import Log
from tests.sinks import Sink, sink, stored
from tests.topics import Wire, read

OWN = ("events", "decisions", "handoffs", "resolutions", "alerts", "deadletters", "unreadable")
Places = list[tuple[str, int, int]]


def rows(data: Path) -> Places:
    """(topic, partition, offset) of every row, repeats and all."""
    union = " UNION ALL ".join(f"SELECT log_topic, log_partition, log_offset FROM {table}" for table in OWN)
    with open_readonly(data).connection as connection:
        return connection.execute(f"SELECT * FROM ({union}) ORDER BY ALL").fetchall()


async def on_the_log(bootstrap: str) -> Places:
    found = [record for topic in TOPICS for record in await read(bootstrap, topic, PARTITIONS)]
    return sorted((record.topic, record.partition, record.offset) for record in found)


def talk(count: int, first: int = 0) -> Log:
    """Conversations with refunds of all sizes."""
    log = Log()
    for number in range(first, first + count):
        log.conversation = f"conv-{number}"
        log.query("I want a refund", customer={"ref": f"u-{number % 7}"})
        log.does("get_order", {"total": number})
        log.proposes("refund", amount=number)
        log.event("execution.ended", outcome="resolved")
    return log


async def publish(wire: Wire, log: Log) -> int:
    """The events, and what a worker would have made of them; how many records that is."""
    await wire.publish_all(log.records)
    outputs = [output for one in log.fold(refunds()).folded for output in one.outputs]
    for output in outputs:
        number = partition_of(output.key, PARTITIONS)
        await wire.raw(output.key, output.value, output.topic, number)
    return len(log.records) + len(outputs)


async def test_events_and_what_became_of_them_are_rows(broker: str, tmp_path: Path) -> None:
    with sink(broker, tmp_path) as one:
        async with Wire(broker) as wire:
            await publish(wire, talk(20, first=490))
        expected = await on_the_log(broker)
        one.wait_until(lambda: stored(one.data, "events") == 100 and len(rows(one.data)) >= len(expected))
        assert one.stop() == 0, one.said()
    assert rows(one.data) == expected
    with open_readonly(one.data).connection as connection:
        found = connection.execute("SELECT DISTINCT verdict FROM decisions").fetchall()
        assert connection.execute("SELECT count(*) FROM conversations").fetchone() == (20,)
        stopped = connection.execute("SELECT DISTINCT rule_id FROM reasons WHERE action = 'block'").fetchall()
    assert {verdict for (verdict,) in found} == {"allow", "require_approval", "block"}
    assert stopped == [("too-high",)]
    assert one.said() == ""


@pytest.mark.long
@pytest.mark.crash
@pytest.mark.parametrize("seed", [1, 2])
async def test_rows_are_the_log_after_kills_in_the_middle_of_the_load(broker: str, seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    await ensure_topics(broker)
    async with Wire(broker) as wire:
        await wire.raw(b"k", b"\xff not JSON", AGENT_EVENTS, 0)
        await wire.raw(None, b"{}", DECISIONS, 1)
        load = asyncio.create_task(keep_talking(wire))
        left = [await asyncio.to_thread(killed, broker, tmp_path, dice.uniform(0, 0.3)) for _ in range(4)]
        assert not load.done(), load.exception()
        load.cancel()
        await asyncio.wait([load])
    expected = await on_the_log(broker)
    assert all(len(one) == len(set(one)) and set(one) <= set(expected) for one in left)
    assert [len(one) for one in left] == sorted({len(one) for one in left})  # each went on where the last had ended
    with sink(broker, tmp_path) as last:
        last.wait_until(lambda: stored(last.data, "unreadable") == 2 and len(rows(last.data)) >= len(expected))
        assert last.stop() == 0, last.said()
    assert rows(last.data) == expected


async def keep_talking(wire: Wire) -> None:
    """More and more conversations."""
    first = 0
    while True:
        await publish(wire, talk(20, first))
        first += 20


def killed(broker: str, folder: Path, after_s: float) -> Places:
    """What a sink leaves that was killed in the load, so long after it was seen to go on."""
    before = stored(folder / "data", "events")
    one = Sink(broker, folder).wait_ready()
    one.wait_until(lambda: stored(one.data, "events") > before)
    with suppress(subprocess.TimeoutExpired):
        one.process.wait(after_s)
    assert one.process.poll() is None, one.said()
    one.kill()
    return rows(one.data)


@pytest.mark.kafka
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_sink_ends_with_0_and_leaves_a_whole_snapshot(
    number: signal.Signals, embedded: str, tmp_path: Path
) -> None:
    with sink(embedded, tmp_path, "--snapshot-s", "3600") as one:
        async with Wire(embedded) as wire:
            await wire.publish_all(talk(50).records)
            await wire.raw(b"k", b"", AGENT_EVENTS, 0)
        # The live database is its own; what it has stored shows in the snapshot that it takes at its end.
        assert one.stop(number) == 0, one.said()
    (one.data / "handrail.duckdb").rename(one.data / "moved")
    snapshot = rows(one.data)
    (one.data / "moved").rename(one.data / "handrail.duckdb")
    assert snapshot == rows(one.data)


async def test_a_dead_letter_of_8_mb_is_stored_whole(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    value = b"\xfe" * 8_000_000
    async with Wire(broker) as wire:
        await wire.raw(b"agent.events.v1/0", value, DEADLETTERS, 0)
        await wire.publish_all(talk(1).records)
        await wire.raw(b"agent.events.v1/0", b"after", DEADLETTERS, 0)
    with sink(broker, tmp_path) as one:
        one.wait_stored(2, "deadletters")
        one.wait_stored(5)
        assert one.stop() == 0, one.said()
    with open_readonly(one.data).connection as connection:
        found = connection.execute("SELECT value FROM deadletters ORDER BY log_offset").fetchall()
    assert found == [(value,), (b"after",)]


async def met(broker: str) -> OneLog:
    """The log that is there."""
    found = OneLog(broker, TOPICS, "sink")
    await found.meet()
    return found


@pytest.mark.kafka
async def test_a_new_broker_starts_anew_and_old_rows_stay(tmp_path: Path) -> None:
    clusters = []
    for number in range(2):
        with EmbeddedBroker() as broker:
            clusters.append(broker.cluster_id)
            with sink(broker.bootstrap, tmp_path) as one:
                async with Wire(broker.bootstrap) as wire:
                    await wire.publish_all(talk(3 + number).records)
                one.wait_stored(5 * sum(range(3, 4 + number)))
                assert one.stop() == 0, one.said()
    with open_readonly(one.data).connection as connection:
        found = dict(connection.execute("SELECT log_cluster, count(*) FROM events GROUP BY 1").fetchall())
    assert found == {clusters[0]: 15, clusters[1]: 20}


@pytest.mark.kafka
async def test_a_broker_that_was_started_again_under_a_running_sink_ends_it(tmp_path: Path) -> None:
    with EmbeddedBroker() as first:
        port = int(first.bootstrap.rpartition(":")[2])
        one = Sink(first.bootstrap, tmp_path).wait_ready()
        async with Wire(first.bootstrap) as wire:
            await wire.publish_all(talk(2).records)
        one.wait_stored(10)
    with EmbeddedBroker(port) as second:
        async with Wire(second.bootstrap) as wire:
            await ensure_topics(second.bootstrap)
            await wire.publish_all(talk(1).records)
            assert one.process.wait(60) == 1
    one.kill()
    assert f"is cluster {second.cluster_id} now, was {first.cluster_id}" in one.said().splitlines()[-1]
    assert len(rows(one.data)) == 10


@pytest.mark.kafka
@pytest.mark.apache
async def test_records_deleted_before_they_were_stored_are_one_line(apache: str, tmp_path: Path) -> None:
    with sink(apache, tmp_path) as one:
        async with Wire(apache) as wire:
            await wire.raw(b"k", b"first", AGENT_EVENTS, 0)
            one.wait_stored(1, "unreadable")
            assert one.stop() == 0
            for _ in range(5):
                await wire.raw(b"k", b"lost", AGENT_EVENTS, 0)
            await wire.raw(b"k", b"kept", AGENT_EVENTS, 0)
    async with admin_of(apache) as admin:
        await admin.delete_records({TopicPartition(AGENT_EVENTS, 0): RecordsToDelete(before_offset=6)})
    with sink(apache, tmp_path) as one:
        one.wait_stored(2, "unreadable")
        assert one.stop() == 0, one.said()
    assert one.said().splitlines() == [
        "handrail sink: agent.events.v1[0]: offset 1 is not on the log any more, going on at its beginning, offset 6: "
        "keep records longer than the sink may stand still"
    ]
    assert rows(one.data) == [(AGENT_EVENTS, 0, 0), (AGENT_EVENTS, 0, 6)]


@pytest.mark.kafka
@pytest.mark.apache
async def test_records_deleted_while_they_are_read_are_one_line(apache: str, tmp_path: Path) -> None:
    await ensure_topics(apache)
    said: list[str] = []
    async with Wire(apache) as wire:
        for _ in range(3):
            await wire.raw(b"k", b"x", AGENT_EVENTS, 0)
        async with admin_of(apache) as admin:
            await admin.delete_records({TopicPartition(AGENT_EVENTS, 0): RecordsToDelete(before_offset=2)})
        async with Reader(apache, await met(apache), {(AGENT_EVENTS, 0): 2}, said.append) as found:
            found._consumer.seek(TopicPartition(AGENT_EVENTS, 0), 0)  # as if retention had overtaken it
            offsets: list[int] = []
            while not offsets:
                offsets += [record.offset for records in (await found.read()).values() for record in records]
    assert offsets == [2]
    assert len(said) == 1
    assert "going on at its beginning, offset 2" in said[0]


@pytest.mark.kafka
async def test_a_log_that_ran_back_is_not_stored_in_the_places_of_what_is_gone(broker: str) -> None:
    await ensure_topics(broker)
    async with Wire(broker) as wire:
        await wire.raw(b"k", b"x", AGENT_EVENTS, 0)
    with pytest.raises(SinkError, match=r"agent\.events\.v1\[0\]: ran back: ends at offset 1, and is stored up to 5"):
        async with Reader(broker, await met(broker), {(AGENT_EVENTS, 0): 5}, print):
            raise AssertionError("it was read")


@pytest.mark.kafka
@pytest.mark.apache
async def test_partitions_that_are_added_are_read_from_their_beginning(
    apache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_topics(apache)
    monkeypatch.setattr(log_reader, "REFRESH_S", 0.2)
    async with (
        Reader(apache, await met(apache), {}, print) as found,
        Wire(apache) as wire,
        admin_of(apache) as admin,
    ):
        assert found.partitions == len(TOPICS) * PARTITIONS
        await wire.raw(b"k", b"before", HANDOFFS, 0)
        await admin.create_partitions({HANDOFFS: NewPartitions(PARTITIONS + 1)})
        await wait_partition(wire)
        await wire.raw(b"k", b"new", HANDOFFS, PARTITIONS)
        seen: list[tuple[int, bytes]] = []
        while len(seen) < 2:
            seen += [(tp.partition, record.value) for tp, records in (await found.read()).items() for record in records]
    assert sorted(seen) == [(0, b"before"), (PARTITIONS, b"new")]


async def wait_partition(wire: Wire) -> None:
    while PARTITIONS not in await wire._producer.partitions_for(HANDOFFS):
        await wire._producer.client.force_metadata_update()


async def test_a_cluster_has_one_id(broker: str) -> None:
    assert await cluster_id(broker) == await cluster_id(broker) != ""


def one_line(said: str, *parts: str) -> bool:
    return said.strip().count("\n") == 0 and all(part in said for part in parts)


def test_a_broker_that_is_not_there_is_one_line_and_exit_2(tmp_path: Path) -> None:
    one = Sink("127.0.0.1:1", tmp_path)
    assert one.process.wait(60) == 2
    assert one_line(one.said(), "127.0.0.1:1", "is it running")
    one.kill()


@pytest.mark.kafka
def test_a_database_that_another_sink_holds_is_one_line_and_exit_1(embedded: str, tmp_path: Path) -> None:
    with sink(embedded, tmp_path):
        second = Sink(embedded, tmp_path)
        assert second.process.wait(60) == 1
        assert one_line(second.said(), "another process has it open")
        second.kill()


@pytest.mark.kafka
def test_a_file_that_is_no_database_is_one_line_and_exit_1(embedded: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "handrail.duckdb").write_bytes(b"this is no database" * 1000)
    one = Sink(embedded, tmp_path)
    assert one.process.wait(60) == 1
    assert one_line(one.said(), "handrail.duckdb", "not a valid DuckDB database file")
    one.kill()
