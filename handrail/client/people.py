"""Reads what people did with handoffs, while anybody waits for it: one consumer without group for the whole process."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from handrail.client.handback import Handback, HandbackReader
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
AGAIN_S = 0.5

log = logging.getLogger("handrail.client")


class _Wait:
    """One who waits."""

    def __init__(self, handoffs: Collection[str]) -> None:
        self.handed, self.news = HandbackReader(handoffs), asyncio.Event()


class People:
    """Nothing is connected before somebody waits, and a partition for which nobody does is not fetched."""

    def __init__(self, bootstrap: str, security: Mapping[str, Any], log: OneLog) -> None:
        self._bootstrap, self._security, self._log = bootstrap, security, log
        self._lock = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._waits: dict[bytes, set[_Wait]] = {}
        self._readers: Counter[int] = Counter()

    async def handback(
        self, conversation_id: str, handoffs: Collection[str], place: tuple[int, int], since_ms: int, until_s: float
    ) -> Handback | None:
        """The first of these handoffs that a person is done with; None at `until_s` (seconds of `time.monotonic`).

        `place` is the conversation's partition and how many there are, `since_ms` the log's time of the first handoff.
        Raises KafkaError; AnotherLog where another one is there by now.
        """
        wait, key = _Wait(handoffs), conversation_id.encode()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until_s - time.monotonic())):
                async with self._reading(key, wait, place, since_ms):
                    await wait.news.wait()
        if wait.handed.back is None and self._log.lost:
            raise AnotherLog(self._log.lost)
        return wait.handed.back

    def fail(self) -> None:
        """Nobody who waits gets anything any more."""
        for waits in self._waits.values():
            for wait in waits:
                wait.news.set()

    async def stop(self) -> None:
        """Nobody is told anything any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._consumer is not None:
            await _stop(self._consumer)

    @asynccontextmanager
    async def _reading(self, key: bytes, wait: _Wait, place: tuple[int, int], since_ms: int) -> AsyncIterator[None]:
        number, count = place
        tps = [TopicPartition(topic, number) for topic in TOPICS]
        self._waits.setdefault(key, set()).add(wait)
        self._readers[number] += 1
        try:
            async with self._lock:
                await self._begin(await self._started(count), tps, since_ms - SKEW_MS)
            yield
        finally:
            self._waits[key].discard(wait)
            if not self._waits[key]:
                del self._waits[key]
            self._readers[number] -= 1
            if not self._readers[number] and self._consumer is not None:
                self._consumer.pause(*tps)

    async def _started(self, count: int) -> AIOKafkaConsumer:
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
            await consumer.topics()  # so that it knows where they are
        except BaseException:
            await _stop(consumer)
            raise
        assigned = [TopicPartition(topic, number) for topic in TOPICS for number in range(count)]
        consumer.assign(assigned)
        consumer.pause(*assigned)
        self._consumer = consumer
        self._task = asyncio.create_task(self._read(consumer), name="handrail people")
        return consumer

    async def _begin(self, consumer: AIOKafkaConsumer, tps: list[TopicPartition], since_ms: int) -> None:
        """Read from then on; where others wait already, again from there: nothing is told twice for that."""
        last = await consumer.end_offsets(tps)
        found = await consumer.offsets_for_times({tp: max(0, since_ms) for tp in tps})
        for tp in tps:
            first = last[tp] if found[tp] is None else found[tp].offset
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
                await asyncio.sleep(AGAIN_S)
                continue
            for tp, records in fetched.items():
                for record in records:
                    if record.key in self._waits:
                        self._hand_over(tp.topic, record)

    def _hand_over(self, topic: str, record: Any) -> None:
        try:
            event = (decode_output if topic == HANDOFFS else decode_resolution)(record.value).raw
        except SchemaError as error:
            log.warning("%s[%d]@%d is passed over: %s", record.topic, record.partition, record.offset, error)
            return
        for wait in self._waits.get(record.key, ()):
            wait.handed.take(event)
            if wait.handed.back is not None:
                wait.news.set()


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """As Reader.stop: aiokafka 0.14 may cancel whoever stops a consumer."""
    await asyncio.sleep(0)
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await consumer._client.close()
