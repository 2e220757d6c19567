"""Where partitions begin and end.

Ends come from a fetch: the embedded broker answers ListOffsets(latest) with the last batch's base offset + 1, and
whoever trusts that stops reading before the last records.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from handrail.kafka.reachable import unreachable
from handrail.schemas.errors import ConfigError
from handrail.streams.engine.reading import reading

TIMEOUT_S = 30.0


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
        found: dict[TopicPartition, int] = await consumer.beginning_offsets(wanted) if wanted else {}
        return found


@asynccontextmanager
async def _probe(bootstrap: str, partitions: list[TopicPartition], timeout_s: float) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of its own, without a group, so that nobody's positions move."""
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
