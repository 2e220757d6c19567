"""Records to Kafka in produce batches, each awaited until all in-sync replicas have it."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownTopicOrPartitionError

from handrail.schemas.errors import EngineError

BATCH_BYTES = 1_000_000  # below max.message.bytes of every topic that gets batches of many records
REQUEST_BYTES_MAX = 9_500_000  # a dead letter may have 8 MB
REQUEST_TIMEOUT_MS = 30_000
KNOWN_S_MAX = 30.0

Headers = Sequence[tuple[str, bytes]]


class Writable(Protocol):
    """A record that can be written: a row, or an output of the fold."""

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Headers: ...


class Row(msgspec.Struct, frozen=True, gc=False):
    """One record to be written."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Written:
    """One batch as acknowledged: `count` records from offset `first` on."""

    first: int
    count: int


class Producer:
    """One Kafka producer for all that the engine writes."""

    def __init__(self, bootstrap: str) -> None:
        self._kafka = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            linger_ms=0,  # batches are made here, so there is nothing to wait for
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        # A writer of several batches waits between them, and no other batch may come there. One for each partition.
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __aenter__(self) -> "Producer":
        await self._kafka.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._kafka.stop()

    async def write(self, topic: str, partition: int, rows: Iterable[Writable]) -> list[Written]:
        """Write the rows in their order, after those of earlier calls; when this returns, every one is acknowledged."""
        async with self._turns[topic, partition]:
            sent = [await self._send(topic, partition, batch) for batch in self._batches(rows)]
        return [await batch for batch in sent]

    async def write_then(self, topic: str, partition: int, rows: Iterable[Writable]) -> list[Written]:
        """As `write`, but the last batch leaves only when all before it are acknowledged; at least one row."""
        batches, sent = iter(self._batches(rows)), list["asyncio.Task[Written]"]()
        last = next(batches)
        for batch in batches:
            sent.append(await self._send(topic, partition, last))
            last = batch
        before = [await batch for batch in sent]
        return [*before, await (await self._send(topic, partition, last))]

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has, once the broker that is asked knows it. Raises EngineError."""
        try:
            async with asyncio.timeout(KNOWN_S_MAX):
                while True:
                    try:
                        return len(await self._kafka.partitions_for(topic))
                    except UnknownTopicOrPartitionError:
                        await asyncio.sleep(0.1)  # a broker that was away learns of a topic a little later than others
        except TimeoutError as error:
            raise EngineError(
                f"topic {topic}: no broker has told of it for {KNOWN_S_MAX:g} s: are enough brokers up?"
            ) from error

    def _batches(self, rows: Iterable[Writable]) -> Iterable[Any]:
        """Each batch is made when the one before has been sent, so that no second copy of the rows waits."""
        batch = None
        for row in rows:
            if batch is None:
                batch = self._begun(row)
            elif not _append(batch, row):
                yield batch
                batch = self._begun(row)
        if batch is not None:
            yield batch

    def _begun(self, row: Writable) -> Any:
        batch = self._kafka.create_batch()
        _append(batch, row)
        return batch

    async def _send(self, topic: str, partition: int, batch: Any) -> "asyncio.Task[Written]":
        count = batch.record_count()
        batch.close()
        acknowledged = await self._kafka.send_batch(batch, topic, partition=partition)
        return asyncio.ensure_future(_written(acknowledged, count))


def _append(batch: Any, row: Writable) -> bool:
    """False where the batch is full; the first row always fits."""
    return batch.append(timestamp=None, key=row.key, value=row.value, headers=list(row.headers)) is not None


async def _written(acknowledged: "asyncio.Future[Any]", count: int) -> Written:
    return Written((await acknowledged).offset, count)
