"""Reads decisions: one consumer without group for all that waits in this process, on the partitions that are needed."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from handrail.client.waiting import Arrival, Waiting
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
AGAIN_S = 0.5  # after an error that the consumer does not mend itself
IDLE_S = 10.0  # a partition is read for so long after its last conversation, in case another one follows

log = logging.getLogger("handrail.client")


class Reader:
    """Hands decisions to those who wait. A partition without a conversation is not fetched."""

    def __init__(self, bootstrap: str, waiting: Waiting, security: Mapping[str, Any]) -> None:
        self._waiting = waiting
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
        """Names of all topics; one is never asked for by its name: the embedded broker creates what it hears."""
        return set(await self._consumer.topics())

    async def look(self) -> None:
        """Ask for the metadata anew, and so which log is there (`OneLog`)."""
        await self._consumer._client.force_metadata_update()

    def read(self, partitions: int) -> None:
        """Begin to read; no partition is fetched before somebody joins it."""
        assigned = [TopicPartition(DECISIONS, number) for number in range(partitions)]
        self._consumer.assign(assigned)
        self._consumer.pause(*assigned)
        self._joining = {number: asyncio.Lock() for number in range(partitions)}
        self._task = asyncio.create_task(self._read(), name="handrail decisions")

    async def stop(self) -> None:
        """Nobody is told anything any more."""
        for timer in self._leaving.values():
            timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await asyncio.sleep(0)  # aiokafka 0.14 cancels whoever stops a consumer whose own task has not begun yet,
        stopping = asyncio.create_task(self._consumer.stop())  # or whose fetch is under way to a broker that is gone
        await asyncio.wait([stopping])
        if stopping.cancelled():
            await self._consumer._client.close()

    async def join(self, partition: int) -> None:
        """A conversation of this partition begins; every decision written from now on is seen."""
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
            self._leaving[partition] = asyncio.get_running_loop().call_later(IDLE_S, self._rest, partition)

    def _rest(self, partition: int) -> None:
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
            await asyncio.sleep(0.002)  # aiokafka does not tell when
        return int(self._consumer.highwater(partition))

    async def _read(self) -> None:
        while True:
            try:
                fetched = await self._consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.error("decisions cannot be read: %s", error)
                await asyncio.sleep(AGAIN_S)
                continue
            for partition, records in fetched.items():
                first = self._first.get(partition.partition)
                for record in records:
                    if first is not None and record.offset >= first and self._waiting.wanted(record.key):
                        self._hand_over(record)

    def _hand_over(self, record: ConsumerRecord) -> None:
        try:
            raw, event = decode_output(record.value)
        except SchemaError as error:
            log.warning("%s[%d]@%d is no decision: %s", record.topic, record.partition, record.offset, error)
            return
        if isinstance(event.data, Decision):
            self._waiting.arrive(Arrival(event.data, to_ms(event.time), time.monotonic(), raw))
