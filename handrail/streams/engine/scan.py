"""Whole topics, from the first record that is still there to the last one that is there now."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from aiokafka import TopicPartition

from handrail.streams.engine.ends import beginnings, ends
from handrail.streams.engine.reading import reading
from handrail.streams.engine.topics import partition_counts

POLL_MS = 200
FETCH_BYTES = 3_000_000  # more leaves the processor's cache before it is read; a larger record comes through by itself


async def partitions(bootstrap: str, topics: Sequence[str]) -> list[TopicPartition]:
    """Every partition of these topics, in their order; a topic that does not exist has none."""
    # Not from a consumer: one that is assigned nothing does not learn of Apache Kafka's topics.
    counts = await partition_counts(bootstrap)
    return [TopicPartition(topic, number) for topic in topics for number in range(counts.get(topic, 0))]


async def scan(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[Any]:
    """Each aiokafka ConsumerRecord of these topics, one partition after the other, each in the order of the log.

    What is written meanwhile is left out. Raises ConfigError where the broker does not answer.
    """
    found = await partitions(bootstrap, topics)
    first, last = await beginnings(bootstrap, found), await ends(bootstrap, found)
    for tp in found:
        async for record in stretch(bootstrap, tp, first[tp], last[tp]):
            yield record


async def stretch(bootstrap: str, tp: TopicPartition, position: int, end: int) -> AsyncGenerator[Any, None]:
    """The records of one partition from `position` up to, and without, `end`.

    By a consumer of its own: aiokafka 0.14 waits for ever in `stop` where a consumer is given another partition while a
    fetch is under way, and is stopped right afterwards.
    """
    if position >= end:
        return
    async with reading(bootstrap, max_partition_fetch_bytes=FETCH_BYTES) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, position)
        while position < end:
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    if record.offset < end:
                        yield record
            position = await consumer.position(tp)
