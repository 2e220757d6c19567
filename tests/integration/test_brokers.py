"""What Handrail relies on in a broker: the same on the embedded one and on Apache Kafka, or said here."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from handrail.schemas.errors import ConfigError
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE, DEADLETTERS, DECISIONS, HANDOFFS, POLICIES
from handrail.streams.engine.reading import beginnings, ends, partitions, scan
from handrail.streams.engine.topics import ensure_topics, partition_counts
from infra.kafka.cluster import Cluster
from tests.brokers import admin_of, wipe

ROOT = Path(__file__).resolve().parents[2]
READERS = "readers"
WAIT_S_MAX = 30
EVENTS = TopicPartition(AGENT_EVENTS, 0)


@asynccontextmanager
async def producer_of(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", max_batch_size=1 << 20, max_request_size=9_000_000
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def group_member(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        AGENT_EVENTS,
        bootstrap_servers=bootstrap,
        group_id=READERS,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        heartbeat_interval_ms=2000,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def topics_of(admin: AIOKafkaAdminClient) -> list[str]:
    """All but those that a broker keeps for itself."""
    return [name for name in await admin.list_topics() if not name.startswith("__")]


async def send_batch(producer: AIOKafkaProducer, partition: TopicPartition, values: Iterable[bytes]) -> int:
    """One produce batch; the offset that was acknowledged for it."""
    batch = producer.create_batch()
    for value in values:
        assert batch.append(key=b"conv-1", value=value, timestamp=None) is not None
    sent = await producer.send_batch(batch, partition.topic, partition=partition.partition)
    return int((await sent).offset)


async def read(bootstrap: str, partition: TopicPartition, count: int) -> list[ConsumerRecord]:
    """The first records of a partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    try:
        consumer.assign([partition])
        consumer.seek(partition, 0)
        found: list[ConsumerRecord] = []
        async with asyncio.timeout(WAIT_S_MAX):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += records
        return found
    finally:
        await consumer.stop()


async def test_a_new_broker_has_no_topics_and_no_groups(broker: str) -> None:
    async with admin_of(broker) as admin:
        assert await topics_of(admin) == []
        assert READERS not in [group for group, _ in await admin.list_consumer_groups()]


async def test_ensure_topics_makes_the_catalogue_once(broker: str) -> None:
    assert sorted(await ensure_topics(broker)) == sorted(CATALOGUE)
    assert await ensure_topics(broker) == []
    async with admin_of(broker) as admin:
        found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    assert {name: found.get(name) for name in CATALOGUE} == {t.name: t.partitions for t in CATALOGUE.values()}


async def test_ensure_topics_by_several_workers_at_once_makes_each_topic_once(broker: str) -> None:
    created = await asyncio.gather(*(ensure_topics(broker) for _ in range(4)))
    assert sorted(name for names in created for name in names) == sorted(CATALOGUE)


async def test_missing_topics_take_the_number_of_partitions_of_those_that_exist(broker: str) -> None:
    async with admin_of(broker) as admin:
        await admin.create_topics([NewTopic(DECISIONS, 7, 1)])
    async with asyncio.timeout(WAIT_S_MAX):
        while DECISIONS not in await partition_counts(broker):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # no broker tells when it has a leader
    await ensure_topics(broker)
    async with admin_of(broker) as admin:
        found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    assert found[AGENT_EVENTS] == found[DECISIONS] == 7
    assert found[POLICIES] == 1


async def test_topics_of_unequal_partition_count_are_refused_by_name(broker: str) -> None:
    async with admin_of(broker) as admin:
        await admin.create_topics([NewTopic(DECISIONS, 4, 1), NewTopic(HANDOFFS, 2, 1)])
    with pytest.raises(ConfigError, match=rf"{DECISIONS} has 4, {HANDOFFS} has 2"):
        await ensure_topics(broker)


async def test_another_number_of_partitions_than_there_are_is_refused(broker: str) -> None:
    await ensure_topics(broker, partitions=2)
    with pytest.raises(ConfigError, match=rf"8 partitions asked for, but {AGENT_EVENTS} has 2"):
        await ensure_topics(broker, partitions=8)


@pytest.mark.kafka
@pytest.mark.apache
async def test_events_whose_time_the_agents_set_are_refused(apache: str) -> None:
    async with admin_of(apache) as admin:
        await admin.create_topics([NewTopic(AGENT_EVENTS, 4, 1)])
    with pytest.raises(ConfigError, match=r"is CreateTime, must be LogAppendTime: run kafka-configs\.sh"):
        await ensure_topics(apache)


@pytest.mark.kafka
async def test_events_on_the_embedded_broker_need_no_log_append_time(embedded: str) -> None:
    async with admin_of(embedded) as admin:
        await admin.create_topics([NewTopic(AGENT_EVENTS, 4, 1)])
    assert AGENT_EVENTS not in await ensure_topics(embedded)


@pytest.mark.kafka
@pytest.mark.apache
async def test_a_topic_that_the_broker_refuses_is_named_with_the_reason(apache: str) -> None:
    with pytest.raises(ConfigError, match=r"topic \S+ was refused: .*[Rr]eplica"):
        await ensure_topics(apache, replication=3)


async def test_no_broker_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match=r"broker 127\.0\.0\.1:1: .*is it running"):
        await ensure_topics("127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"broker 127\.0\.0\.1:1: .*is the broker up"):
        await ends("127.0.0.1:1", [EVENTS])


async def test_records_come_back_as_they_were_sent(broker: str) -> None:
    await ensure_topics(broker)
    headers = [("handrail-topic", AGENT_EVENTS.encode()), ("handrail-reason", "größer".encode()), ("empty", b"")]
    async with producer_of(broker) as producer:
        for value in (b"one", None, b""):
            await producer.send_and_wait(AGENT_EVENTS, value, key=b"conv-1", partition=0, headers=headers)
    records = await read(broker, EVENTS, 3)
    assert [(record.offset, record.key, record.value) for record in records] == [
        (0, b"conv-1", b"one"),
        (1, b"conv-1", None),
        (2, b"conv-1", b""),
    ]
    assert all(list(record.headers) == headers for record in records)


async def test_acknowledged_batches_give_base_offsets_that_follow_each_other(broker: str) -> None:
    await ensure_topics(broker)
    async with producer_of(broker) as producer:
        offsets = [await send_batch(producer, EVENTS, [b"x"] * count) for count in (3, 1, 5, 2)]
    assert offsets == [0, 3, 4, 9]


async def test_a_foreign_write_between_two_batches_leaves_a_gap_in_their_offsets(broker: str) -> None:
    await ensure_topics(broker)
    async with producer_of(broker) as owner, producer_of(broker) as stranger:
        first = await send_batch(owner, EVENTS, [b"x"] * 3)
        await send_batch(stranger, EVENTS, [b"y"] * 2)
        assert await send_batch(owner, EVENTS, [b"x"]) == first + 3 + 2


async def test_the_end_counts_every_record_of_the_last_batch(broker: str) -> None:
    await ensure_topics(broker)
    one, two, empty = EVENTS, TopicPartition(AGENT_EVENTS, 1), TopicPartition(AGENT_EVENTS, 2)
    async with producer_of(broker) as producer:
        await send_batch(producer, one, [b"x"] * 7)
        await send_batch(producer, two, [b"x"] * 2)
        await send_batch(producer, two, [b"x"] * 5)
    assert await ends(broker, [one, two, empty]) == {one: 7, two: 7, empty: 0}
    assert await beginnings(broker, [one, two, empty]) == {one: 0, two: 0, empty: 0}


async def test_ends_of_no_partitions_are_none(broker: str) -> None:
    assert await ends(broker, []) == {}
    assert await beginnings(broker, []) == {}


async def test_partitions_are_those_of_the_topics_that_exist(broker: str) -> None:
    await ensure_topics(broker)
    every = await partitions(broker, [DECISIONS, "governance.nothing.v1", POLICIES])
    assert every == [*(TopicPartition(DECISIONS, number) for number in range(4)), TopicPartition(POLICIES, 0)]


async def test_a_scan_gives_every_record_of_every_partition(broker: str) -> None:
    await ensure_topics(broker)
    async with producer_of(broker) as producer:
        for number in range(8):
            await producer.send_and_wait(DECISIONS, b"%d" % number, partition=number % 4)
    assert [record.value async for record in scan(broker, [DECISIONS])] == [
        b"0",
        b"4",
        b"1",
        b"5",
        b"2",
        b"6",
        b"3",
        b"7",
    ]


async def test_asking_for_the_end_of_a_topic_that_is_missing_does_not_make_it(broker: str) -> None:
    with pytest.raises(ConfigError, match=r"no topic agent\.events\.v1: create it"):
        await ends(broker, [EVENTS])
    async with admin_of(broker) as admin:
        assert await topics_of(admin) == []


async def test_the_end_of_a_partition_that_is_missing_is_an_error_in_time(broker: str) -> None:
    await ensure_topics(broker)
    with pytest.raises(ConfigError, match=r"agent\.events\.v1\[99\]"):
        await ends(broker, [TopicPartition(AGENT_EVENTS, 99)], timeout_s=1)


async def test_a_record_of_5_mb_is_taken_and_comes_back(broker: str) -> None:
    await ensure_topics(broker)
    async with producer_of(broker) as producer:
        await producer.send_and_wait(AGENT_EVENTS, b"x" * 5_000_000, key=b"conv-1", partition=0)
        await producer.send_and_wait(AGENT_EVENTS, b"after it", key=b"conv-1", partition=0)
    assert [len(record.value) for record in await read(broker, EVENTS, 2)] == [5_000_000, 8]
    assert await ends(broker, [EVENTS]) == {EVENTS: 2}


async def test_a_produce_batch_takes_one_record_above_its_own_size(broker: str) -> None:
    await ensure_topics(broker)
    letters = TopicPartition(DEADLETTERS, 0)
    async with producer_of(broker) as producer:
        assert await send_batch(producer, letters, [b"x" * 5_000_000]) == 0
        assert await send_batch(producer, letters, [b"y"]) == 1
    assert [len(record.value) for record in await read(broker, letters, 2)] == [5_000_000, 1]


async def test_a_group_is_joined_within_seconds(broker: str) -> None:
    await ensure_topics(broker)
    started = time.monotonic()
    async with group_member(broker) as consumer:
        assert len(consumer.assignment()) == CATALOGUE[AGENT_EVENTS].partitions
        assert time.monotonic() - started < 15
        await consumer.commit({EVENTS: 0})
        assert await consumer.committed(EVENTS) == 0


@pytest.mark.kafka
@pytest.mark.apache
async def test_apache_kafka_sets_the_time_of_events_itself(apache: str) -> None:
    await ensure_topics(apache)
    before_ms = time.time_ns() // 1_000_000
    async with producer_of(apache) as producer:
        await producer.send_and_wait(AGENT_EVENTS, b"x", key=b"conv-1", partition=0, timestamp_ms=1000)
    (record,) = await read(apache, EVENTS, 1)
    assert record.timestamp_type == 1
    assert before_ms - 1000 <= record.timestamp <= time.time_ns() // 1_000_000 + 1000


@pytest.mark.kafka
@pytest.mark.apache
async def test_deleted_records_move_the_beginning_and_not_the_end(apache: str) -> None:
    await ensure_topics(apache)
    async with producer_of(apache) as producer:
        await send_batch(producer, EVENTS, [b"x"] * 5)
    async with admin_of(apache) as admin:
        await admin.delete_records({EVENTS: RecordsToDelete(before_offset=5)})
    assert await beginnings(apache, [EVENTS]) == await ends(apache, [EVENTS]) == {EVENTS: 5}


@pytest.mark.kafka
@pytest.mark.apache
@pytest.mark.crash
async def test_acknowledged_records_outlive_a_killed_node(apache_three: Cluster) -> None:
    await ensure_topics(apache_three.bootstrap)
    async with producer_of(apache_three.bootstrap) as producer:
        assert await send_batch(producer, EVENTS, [b"before"] * 4) == 0
        apache_three.nodes[1].kill()
        async with asyncio.timeout(WAIT_S_MAX):
            assert await send_batch(producer, EVENTS, [b"after"]) == 4
    living = ",".join(f"127.0.0.1:{apache_three.nodes[number].place.port}" for number in (0, 2))
    assert [record.value for record in await read(living, EVENTS, 5)] == [b"before"] * 4 + [b"after"]
    assert await ends(living, [EVENTS]) == {EVENTS: 5}


@pytest.mark.kafka
@pytest.mark.apache
async def test_a_wiped_broker_has_neither_topics_nor_committed_offsets(apache: str) -> None:
    await ensure_topics(apache)
    async with group_member(apache) as consumer:
        await consumer.commit({EVENTS: 3})
    await wipe(apache)
    async with admin_of(apache) as admin:
        assert await topics_of(admin) == []
        assert READERS not in [group for group, _ in await admin.list_consumer_groups()]
    await ensure_topics(apache)
    async with group_member(apache) as consumer:
        assert await consumer.committed(EVENTS) is None


@pytest.mark.kafka
@pytest.mark.apache
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_cluster_run_by_hand_ends_with_its_command(kafka_libs: Path, how: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "infra/kafka/cluster.py", "run", "--nodes", "1"]
    env = os.environ | {"TMPDIR": str(tmp_path)}  # a killed cluster leaves its data there
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        line = runner.stdout.readline()
        found = re.fullmatch(r"ready (127\.0\.0\.1:\d+) \(Apache Kafka 4\.1\.1, [\d.]+ s, pids (\d+)\)\n", line)
        assert found, line
        node = psutil.Process(int(found[2]))
        runner.send_signal(how)
    node.wait(timeout=WAIT_S_MAX)  # raises if it is still there
    assert runner.returncode == (0 if how == signal.SIGTERM else -how)
