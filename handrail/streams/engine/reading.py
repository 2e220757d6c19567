"""Reading topics without a group: a consumer that moves no offsets, ends of partitions, and stretches of a log.

Ends come from a fetch: the embedded broker answers ListOffsets(latest) with the last batch's base offset + 1, so a
reader that trusts that answer stops before the last records.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from handrail.kafka import aiokafka_patches
from handrail.kafka.reachable import unreachable
from handrail.schemas.errors import ConfigError
from handrail.streams.engine.topics import partition_counts

# The embedded broker answers a fetch only when it has waited for so long; at the end there is nothing to wait for.
FETCH_WAIT_MS = 20
FETCH_BYTES = 9_500_000  # a record of 8 MB must come through
STRETCH_BYTES = 3_000_000  # more leaves the processor's cache before it is read; a larger record comes through alone
TIMEOUT_S = 30.0
POLL_MS = 200

PASSED_MAX = 20  # records of a topic that are reported one by one; of the rest, their number
KEY_BYTES_SHOWN = 80


@asynccontextmanager
async def reading(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer without partitions; `assign` and `seek` are the caller's. Raises what aiokafka raises."""
    settings = {
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": FETCH_BYTES,
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        **options,
    }
    aiokafka_patches.install()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, **settings)
    try:
        await consumer.start()
        yield consumer
    finally:
        await stop(consumer)


async def stop(consumer: AIOKafkaConsumer) -> None:
    """The consumer has stopped. Raises what went wrong with that.

    aiokafka 0.14 cancels the task that stops a consumer whose own task has not begun yet, or whose fetch is under way
    to a broker that is gone; a separate task takes that cancellation instead of the caller.
    """
    await asyncio.sleep(0)
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await consumer._client.close()
    else:
        stopping.result()


# --- where partitions begin and end


async def ends(
    bootstrap: str, partitions: Iterable[TopicPartition], *, timeout_s: float = TIMEOUT_S
) -> dict[TopicPartition, int]:
    """The offset that the next record of each partition will get; 0 where there never was one.

    Raises ConfigError where the broker, a topic or a partition's leader does not answer in time.
    """
    wanted = list(dict.fromkeys(partitions))
    async with _probe(bootstrap, wanted, timeout_s) as consumer:
        near = await consumer.end_offsets(wanted) if wanted else {}
        consumer.assign(wanted)
        for partition, offset in near.items():
            consumer.seek(partition, offset)
        while any(consumer.highwater(partition) is None for partition in wanted):
            await consumer.getmany(timeout_ms=20)
        return {partition: consumer.highwater(partition) for partition in wanted}


async def beginnings(
    bootstrap: str, partitions: Iterable[TopicPartition], *, timeout_s: float = TIMEOUT_S
) -> dict[TopicPartition, int]:
    """The first offset that each partition still has; where it is empty, its end.

    Raises ConfigError where the broker, a topic or a partition's leader does not answer in time.
    """
    wanted = list(dict.fromkeys(partitions))
    async with _probe(bootstrap, wanted, timeout_s) as consumer:
        offsets: dict[TopicPartition, int] = await consumer.beginning_offsets(wanted) if wanted else {}
        return offsets


@asynccontextmanager
async def _probe(bootstrap: str, partitions: list[TopicPartition], timeout_s: float) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of its own, without a group, so that no committed offset moves."""
    options = {"auto_offset_reset": "none", "request_timeout_ms": int(timeout_s * 1000)}
    try:
        async with asyncio.timeout(timeout_s), reading(bootstrap, **options) as consumer:
            await _check_topics(consumer, bootstrap, partitions)
            yield consumer
    except (TimeoutError, KafkaError, OSError) as error:
        asked = ", ".join(f"{partition.topic}[{partition.partition}]" for partition in partitions)
        raise unreachable(
            bootstrap,
            TimeoutError(f"no answer within {timeout_s:g} s") if isinstance(error, TimeoutError) else error,
            "is the broker up, and has each partition a leader?",
            f"ends of {asked}",
        ) from error


async def _check_topics(consumer: AIOKafkaConsumer, bootstrap: str, partitions: list[TopicPartition]) -> None:
    """Refuse what does not exist: the embedded broker would create it, Apache Kafka would let us wait."""
    missing = {partition.topic for partition in partitions} - set(await consumer.topics())
    if missing:
        raise ConfigError(f"broker {bootstrap}: no topic {', '.join(sorted(missing))}: create it, or mend the address")


# --- records


async def partitions(bootstrap: str, topics: Sequence[str]) -> list[TopicPartition]:
    """Every partition of these topics, in their order; a topic that does not exist has none."""
    # Not from a consumer: one that is assigned nothing does not learn of Apache Kafka's topics.
    counts = await partition_counts(bootstrap)
    return [TopicPartition(topic, number) for topic in topics for number in range(counts.get(topic, 0))]


async def scan(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[Any]:
    """Each aiokafka ConsumerRecord of these topics, one partition after the other, each in the order of the log.

    What is written meanwhile is left out. Raises ConfigError where the broker does not answer.
    """
    scanned = await partitions(bootstrap, topics)
    first, last = await beginnings(bootstrap, scanned), await ends(bootstrap, scanned)
    for tp in scanned:
        async for record in stretch(bootstrap, tp, first[tp], last[tp]):
            yield record


async def stretch(bootstrap: str, tp: TopicPartition, position: int, end: int) -> AsyncGenerator[Any, None]:
    """The records of one partition from `position` up to, and without, `end`.

    By a consumer of its own: aiokafka 0.14 waits for ever in `stop` where a consumer is given another partition while a
    fetch is under way, and is stopped right afterwards.
    """
    if position >= end:
        return
    async with reading(bootstrap, max_partition_fetch_bytes=STRETCH_BYTES) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, position)
        while position < end:
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    if record.offset < end:
                        yield record
            position = await consumer.position(tp)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A record that a reader passed over, since its writer does not count or it cannot be read, and why."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    why: str

    def __str__(self) -> str:
        shown = "no key" if self.key is None else self.key[:KEY_BYTES_SHOWN].decode(errors="backslashreplace")
        return f"{self.topic}[{self.partition}] offset {self.offset} ({shown!r}): {self.why}"
