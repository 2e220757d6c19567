"""Clients of a secured cluster, each closed whatever happens: one that was refused is open still."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAuthorizationFailedError

from handrail.kafka.cluster import Cluster
from handrail.schemas.topics import Topic

REQUEST_MS_MAX = 10_000
LEADER_MS_MAX = 60_000  # until another node leads the partitions of one that was killed
READ_S_MAX = 60


@asynccontextmanager
async def admin_of(cluster: Cluster) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**cluster.client(), request_timeout_ms=REQUEST_MS_MAX)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
        await closed()


async def create_topics(cluster: Cluster, topics: Iterable[Topic], copies: int = 1) -> None:
    """The topics are there, as the catalogue says."""
    wanted = [NewTopic(one.name, one.partitions, copies, topic_configs=one.configs()) for one in topics]
    async with admin_of(cluster) as admin:
        made = await admin.create_topics(wanted)
        assert all(not code for _, code, *_ in made.topic_errors), made


async def put(cluster: Cluster, topic: str, value: bytes, partition: int = 0) -> int:
    """The offset of the record. Raises KafkaError."""
    producer = AIOKafkaProducer(**cluster.client(), acks="all", request_timeout_ms=LEADER_MS_MAX)
    try:
        await producer.start()
        return int((await producer.send_and_wait(topic, value, key=b"one", partition=partition)).offset)
    finally:
        await producer.stop()
        await closed()


async def get(cluster: Cluster, topic: str, group: str | None = None, partition: int = 0) -> bytes:
    """The value of the partition's first record. With a group its offset is committed. Raises KafkaError."""
    consumer = AIOKafkaConsumer(**cluster.client(), group_id=group, enable_auto_commit=False)
    try:
        await consumer.start()
        place = TopicPartition(topic, partition)
        consumer.assign([place])
        await consumer._client.force_metadata_update()
        if topic in consumer._client.cluster.unauthorized_topics:  # aiokafka would wait for it
            raise TopicAuthorizationFailedError(topic)
        await consumer.seek_to_beginning(place)
        async with asyncio.timeout(READ_S_MAX):
            record = await consumer.getone()
            if group is not None:
                await consumer.commit({place: record.offset + 1})
        return bytes(record.value)
    finally:
        await consumer.stop()
        await closed()


async def closed() -> None:
    """No connection of this loop is open: aiokafka closes what was refused, and does not wait for it."""
    transports = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]
    async with asyncio.timeout(READ_S_MAX):
        while any(one._sock is not None for one in list(transports.values())):  # noqa: ASYNC110 (none tells when)
            await asyncio.sleep(0.01)
