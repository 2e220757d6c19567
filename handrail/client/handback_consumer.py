"""Reads handbacks while an agent waits for one: one consumer without group for the whole process."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from handrail.client.decision_consumer import stop_consumer
from handrail.client.handback import Handback, HandbackTracker
from handrail.kafka import aiokafka_patches
from handrail.kafka.one_log import AnotherLog, OneLog, clients_of
from handrail.schemas.decode import decode_output, decode_resolution
from handrail.schemas.errors import SchemaError
from handrail.schemas.topics import HANDOFFS, RESOLUTIONS

TOPICS = (HANDOFFS, RESOLUTIONS)
SKEW_MS = 600_000  # by how much the clocks of those who write and of the broker may differ
FETCH_BYTES = 2_000_000  # handoffs stay below 1 MB
FETCH_WAIT_MS = 100
POLL_MS = 500
RETRY_S = 0.5

log = logging.getLogger("handrail.client")


class _Wait:
    """One agent's wait for a handback."""

    def __init__(self, handoffs: Collection[str]) -> None:
        self.tracker, self.done = HandbackTracker(handoffs), asyncio.Event()


class HandbackConsumer:
    """It connects at the first wait, and fetches only partitions with a wait."""

    def __init__(self, bootstrap: str, security: Mapping[str, Any], log: OneLog) -> None:
        self._bootstrap, self._security, self._log = bootstrap, security, log
        self._lock = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._waits: dict[bytes, set[_Wait]] = {}
        self._readers: Counter[int] = Counter()

    async def handback(
        self, conversation_id: str, handoffs: Collection[str], partition: tuple[int, int], since_ms: int, until_s: float
    ) -> Handback | None:
        """The first of these handoffs that a person is done with; None at `until_s` (seconds of `time.monotonic`).

        `partition` is the conversation's partition and how many there are, `since_ms` the log's time of the first
        handoff. Raises KafkaError; AnotherLog where another log is there by now.
        """
        wait, key = _Wait(handoffs), conversation_id.encode()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until_s - time.monotonic())):
                async with self._waiting_for(key, wait, partition, since_ms):
                    await wait.done.wait()
        if wait.tracker.handback is None and self._log.lost:
            raise AnotherLog(self._log.lost)
        return wait.tracker.handback

    def fail(self) -> None:
        """End all waits: nothing comes any more."""
        for waits in self._waits.values():
            for wait in waits:
                wait.done.set()

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._consumer is not None:
            await stop_consumer(self._consumer)

    @asynccontextmanager
    async def _waiting_for(
        self, key: bytes, wait: _Wait, partition: tuple[int, int], since_ms: int
    ) -> AsyncIterator[None]:
        number, count = partition
        tps = [TopicPartition(topic, number) for topic in TOPICS]
        self._waits.setdefault(key, set()).add(wait)
        self._readers[number] += 1
        try:
            async with self._lock:
                await self._seek(await self._start_consumer(count), tps, since_ms - SKEW_MS)
            yield
        finally:
            self._waits[key].discard(wait)
            if not self._waits[key]:
                del self._waits[key]
            self._readers[number] -= 1
            if not self._readers[number] and self._consumer is not None:
                self._consumer.pause(*tps)

    async def _start_consumer(self, count: int) -> AIOKafkaConsumer:
        if self._consumer is not None:
            return self._consumer
        aiokafka_patches.install()
        with clients_of(self._log):
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=FETCH_WAIT_MS,
                max_partition_fetch_bytes=FETCH_BYTES,
                **self._security,
            )
        try:
            await consumer.start()
            await consumer.topics()  # loads the metadata of all topics
        except BaseException:
            await stop_consumer(consumer)
            raise
        assigned = [TopicPartition(topic, number) for topic in TOPICS for number in range(count)]
        consumer.assign(assigned)
        consumer.pause(*assigned)
        self._consumer = consumer
        self._task = asyncio.create_task(self._read(consumer), name="handrail people")
        return consumer

    async def _seek(self, consumer: AIOKafkaConsumer, tps: list[TopicPartition], since_ms: int) -> None:
        """Read from `since_ms` on; where others wait already, again from there: each wait ignores repeats."""
        last = await consumer.end_offsets(tps)
        by_time = await consumer.offsets_for_times({tp: max(0, since_ms) for tp in tps})
        for tp in tps:
            first = last[tp] if by_time[tp] is None else by_time[tp].offset
            if tp in consumer.paused():
                consumer.seek(tp, first)
                consumer.resume(tp)
            else:
                consumer.seek(tp, min(first, await consumer.position(tp)))

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                fetched = await consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.error("what people did cannot be read: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            for tp, records in fetched.items():
                for record in records:
                    if record.key in self._waits:
                        self._deliver(tp.topic, record)

    def _deliver(self, topic: str, record: Any) -> None:
        try:
            event = (decode_output if topic == HANDOFFS else decode_resolution)(record.value).raw
        except SchemaError as error:
            log.warning("%s[%d]@%d is passed over: %s", record.topic, record.partition, record.offset, error)
            return
        for wait in self._waits.get(record.key, ()):
            wait.tracker.take(event)
            if wait.tracker.handback is not None:
                wait.done.set()
