"""The human tier's connection to the log: read how things stand, send an answer, see what comes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiokafka import TopicPartition

from handrail.desk.handoff_index import Bounds, HandoffIndex
from handrail.desk.handoff_summary import whole_of
from handrail.kafka.reachable import reachable
from handrail.schemas.decode import decode_output, decode_resolution
from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import ALERTS, DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.reading import ends, partitions, reading, scan, stretch

WRITTEN = (DECISIONS, HANDOFFS, ALERTS)
POLL_MS = 100
# The terminal reads once and ends, and `list --all` has the closed ones too.
BOUNDS = Bounds(open=200_000, closed=200_000, ended=400_000, unreadable=1_000)

Marks = dict[TopicPartition, int]
"""The offset after the last record of each partition, at one moment."""


async def read(bootstrap: str, name: str | None = None) -> HandoffIndex:
    """All handoffs as the log has them now, in full those that `name` can mean (an id's beginning, a conversation).

    Raises ConfigError where the broker or the topics are not there.
    """
    handoffs = HandoffIndex(whole_of(name), BOUNDS)
    with reachable(bootstrap):
        await _topics_are_there(bootstrap)
        async for record in scan(bootstrap, (HANDOFFS, RESOLUTIONS)):
            handoffs.take((record.topic, record.partition, record.offset), record.key, record.value)
    return handoffs


async def mark(bootstrap: str) -> Marks:
    """Where the topics of the human tier end now: what comes of an answer lies after it."""
    with reachable(bootstrap):
        return await ends(bootstrap, await partitions(bootstrap, (RESOLUTIONS, *WRITTEN)))


async def send(bootstrap: str, event: dict[str, Any], marks: Marks) -> list[dict[str, Any]]:
    """Put a claim or a resolution on the log and wait until it is there.

    Returns what other people said of the conversation since `marks` and before it, as events. Raises ConfigError.
    """
    key = event["subject"].encode()
    with reachable(bootstrap):
        async with Producer(bootstrap) as producer:
            number = partition_of(key, await producer.partitions(RESOLUTIONS))
            written = await producer.write(RESOLUTIONS, number, [Row(key, orjson.dumps(event), CLOUDEVENT)])
        tp = TopicPartition(RESOLUTIONS, number)
        before = stretch(bootstrap, tp, marks[tp], written[0].first)
        values = [record.value async for record in before if record.key == key]
    return [other for value in values if (other := _decoded(value)) is not None]


@asynccontextmanager
async def following(bootstrap: str, conversation_id: str, marks: Marks) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """What the governor writes about a conversation after `marks`, as events, without an end."""
    key = conversation_id.encode()
    with reachable(bootstrap):
        async with reading(bootstrap) as consumer:
            count = sum(tp.topic == DECISIONS for tp in marks)
            wanted = [TopicPartition(topic, partition_of(key, count)) for topic in WRITTEN]
            consumer.assign(wanted)
            for tp in wanted:
                consumer.seek(tp, marks[tp])
            yield _events(consumer, key)


async def _events(consumer: Any, key: bytes) -> AsyncIterator[dict[str, Any]]:
    while True:
        for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
            for record in records:
                if record.key == key:
                    yield decode_output(record.value).raw
        await asyncio.sleep(0)


def _decoded(value: bytes | None) -> dict[str, Any] | None:
    """None for what a worker refuses too."""
    try:
        return decode_resolution(value).raw
    except SchemaError:
        return None


async def _topics_are_there(bootstrap: str) -> None:
    if not await partitions(bootstrap, (HANDOFFS,)):
        raise ConfigError(f"broker {bootstrap}: no topic {HANDOFFS}: start `handrail up` or `handrail worker` first")
