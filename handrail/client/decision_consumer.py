"""Reads decisions: one consumer without group for the whole process, on the partitions that are needed."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from handrail.client.pending_decisions import Arrival, PendingDecisions
from handrail.kafka import aiokafka_patches
from handrail.schemas.clock import to_ms
from handrail.schemas.decode import decode_output
from handrail.schemas.errors import SchemaError
from handrail.schemas.outputs import Decision
from handrail.schemas.topics import DECISIONS

# The embedded broker looks for records of several partitions only when a fetch has waited; agents wait so much longer.
FETCH_WAIT_MS = 20
FETCH_BYTES = 2_000_000  # decisions stay below 1 MB
POLL_MS = 1_000
RETRY_S = 0.5  # after an error that the consumer does not repair itself
IDLE_S = 10.0  # a partition is read for so long after its last conversation, in case another one follows

log = logging.getLogger("handrail.client")


class DecisionConsumer:
    """Delivers decisions to the inboxes that wait. A partition without a conversation is not fetched."""

    def __init__(self, bootstrap: str, pending: PendingDecisions, security: Mapping[str, Any]) -> None:
        self._pending = pending
        aiokafka_patches.install()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",  # what waited while the log was lost gets no decision, and does not act
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            **security,
        )
        self._conversations: Counter[int] = Counter()
        self._first: dict[int, int] = {}  # the offset from which on a partition's decisions count
        self._joining: dict[int, asyncio.Lock] = {}
        self._leaving: dict[int, asyncio.TimerHandle] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Raises what aiokafka raises."""
        await self._consumer.start()

    async def topics(self) -> set[str]:
        """Names of all topics; a topic is never requested by name, since the embedded broker would create it."""
        return set(await self._consumer.topics())

    async def refresh_metadata(self) -> None:
        """Request the metadata anew; `OneLog` checks by it which log is there."""
        await self._consumer._client.force_metadata_update()

    def assign(self, count: int) -> None:
        """Begin to read the partitions 0 to `count - 1`; none is fetched before a conversation joins it."""
        partitions = [TopicPartition(DECISIONS, number) for number in range(count)]
        self._consumer.assign(partitions)
        self._consumer.pause(*partitions)
        self._joining = {number: asyncio.Lock() for number in range(count)}
        self._task = asyncio.create_task(self._read(), name="handrail decisions")

    async def stop(self) -> None:
        """Stop reading."""
        for timer in self._leaving.values():
            timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await stop_consumer(self._consumer)

    async def join(self, partition: int) -> None:
        """A conversation of this partition begins; every decision written from now on is received."""
        async with self._joining[partition]:
            if partition not in self._first:
                self._first[partition] = await self._to_end(TopicPartition(DECISIONS, partition))
            self._conversations[partition] += 1
            if (timer := self._leaving.pop(partition, None)) is not None:
                timer.cancel()

    def leave(self, partition: int) -> None:
        """A conversation of this partition is over."""
        self._conversations[partition] -= 1
        if not self._conversations[partition]:
            self._leaving[partition] = asyncio.get_running_loop().call_later(IDLE_S, self._pause, partition)

    def _pause(self, partition: int) -> None:
        del self._first[partition], self._leaving[partition]
        self._consumer.pause(TopicPartition(DECISIONS, partition))

    async def _to_end(self, partition: TopicPartition) -> int:
        """Fetch from the end on; the end.

        It comes from a fetch: the embedded broker answers ListOffsets(latest) with the last batch's base offset + 1.
        """
        near = (await self._consumer.end_offsets([partition]))[partition]
        before = self._consumer.last_poll_timestamp(partition)
        self._consumer.seek(partition, near)
        self._consumer.resume(partition)
        while self._consumer.last_poll_timestamp(partition) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.002)  # aiokafka has no event for it
        return int(self._consumer.highwater(partition))

    async def _read(self) -> None:
        while True:
            try:
                fetched = await self._consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.error("decisions cannot be read: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            for partition, records in fetched.items():
                first = self._first.get(partition.partition)
                for record in records:
                    if first is not None and record.offset >= first and self._pending.is_pending(record.key):
                        self._deliver(record)

    def _deliver(self, record: ConsumerRecord) -> None:
        try:
            raw, event = decode_output(record.value)
        except SchemaError as error:
            log.warning("%s[%d]@%d is no decision: %s", record.topic, record.partition, record.offset, error)
            return
        if isinstance(event.data, Decision):
            self._pending.deliver(Arrival(event.data, to_ms(event.time), time.monotonic(), raw))


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop it; aiokafka 0.14 may cancel the caller of its `stop`.

    That happens where the consumer's own task has not begun yet, or a fetch is under way to a broker that is gone.
    """
    await asyncio.sleep(0)
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await consumer._client.close()
