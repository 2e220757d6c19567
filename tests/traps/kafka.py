"""The topic of a trap: made, written to, and how far the group has committed."""

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from tests.brokers import admin_of
from tests.traps.stock.application import TOPIC

COMMITTED_S_MAX = 20.0


async def create(bootstrap: str, **partitions: int) -> None:
    """Topics with that many partitions; `_` in a name stands for `-`."""
    async with admin_of(bootstrap) as admin:
        await admin.create_topics([NewTopic(name.replace("_", "-"), n, 1) for name, n in partitions.items()])


async def publish(bootstrap: str, values: Iterable[bytes], topic: str = TOPIC, partition: int = 0) -> None:
    """These records, in order, acknowledged."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        sent = [await producer.send(topic, value, key=b"k", partition=partition) for value in values]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def committed(bootstrap: str, group: str, topic: str = TOPIC, partition: int = 0) -> int:
    """The group's committed offset, 0 where it has none."""
    tp = TopicPartition(topic, partition)
    async with admin_of(bootstrap) as admin:
        found = await admin.list_consumer_group_offsets(group, partitions=[tp])
    return max(0, int(found[tp].offset))


async def until_committed(bootstrap: str, group: str, offset: int, topic: str = TOPIC, partition: int = 0) -> int:
    """Wait until the group has committed at least that offset; gives it."""
    async with asyncio.timeout(COMMITTED_S_MAX):
        while (found := await committed(bootstrap, group, topic, partition)) < offset:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # no broker tells when
    return found
