"""Whole topics, read and written by tests."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.reading import FETCH_BYTES, ends, reading


async def read(bootstrap: str, topic: str, partitions: int) -> list[ConsumerRecord]:
    """Every record of the topic, partition by partition."""
    found: list[ConsumerRecord] = []
    wanted = [TopicPartition(topic, number) for number in range(partitions)]
    last = await ends(bootstrap, wanted)
    async with reading(bootstrap) as consumer:
        for tp in wanted:
            consumer.assign([tp])
            consumer.seek(tp, 0)
            while last[tp] and await consumer.position(tp) < last[tp]:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    return found


def data(record: ConsumerRecord) -> dict[str, Any]:
    """What the CloudEvent in the record says."""
    found: dict[str, Any] = orjson.loads(record.value)["data"]
    return found


class Wire:
    """Publishes events and answers, and reads what comes back, on one connection each."""

    def __init__(self, bootstrap: str, *topics: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=FETCH_BYTES)
        self._consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=bootstrap,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=20,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    async def __aenter__(self) -> "Wire":
        async with AsyncExitStack() as started:
            for client in (self._producer, self._consumer):
                started.push_async_callback(client.stop)
                await client.start()
            self._started = started.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._started.aclose()

    async def publish(self, event: dict[str, Any], topic: str = AGENT_EVENTS) -> None:
        await self.raw(event["subject"].encode(), orjson.dumps(event), topic)

    async def raw(
        self, key: bytes | None, value: bytes, topic: str = AGENT_EVENTS, partition: int | None = None
    ) -> None:
        await self._producer.send_and_wait(topic, value, key=key, partition=partition)

    async def publish_all(self, records: Iterable[Record]) -> None:
        """All at once, in order within each key."""
        sent = [await self._producer.send(AGENT_EVENTS, record.value, key=record.key) for record in records]
        await asyncio.gather(*sent)

    async def next(self, seconds_max: float = 20) -> ConsumerRecord:
        """The next record of the topics."""
        return await asyncio.wait_for(self._consumer.getone(), seconds_max)

    async def until(self, count: int, seconds_max: float = 60) -> list[ConsumerRecord]:
        """The next `count` records."""
        async with asyncio.timeout(seconds_max):
            return [await self._consumer.getone() for _ in range(count)]
