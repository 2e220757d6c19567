"""The whole event log as a file that `handrail replay` reads: one CloudEvent a line, with its place on the log."""

from pathlib import Path
from typing import BinaryIO

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.engine.ends import ends
from handrail.streams.engine.reading import reading

FILE = "events.jsonl"
STORED = (AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS)


async def write(bootstrap: str, path: Path) -> dict[TopicPartition, int]:
    """Write all of `agent.events.v1`, partition by partition; gives the ends of all topics that the sink stores."""
    async with reading(bootstrap) as consumer:
        found: list[TopicPartition] = []
        for topic in STORED:
            found += [TopicPartition(topic, number) for number in sorted(await _partitions(consumer, topic))]
        last = await ends(bootstrap, found)
        with path.open("wb") as out:
            for tp in found:
                if tp.topic == AGENT_EVENTS and last[tp]:
                    await _copy(consumer, tp, last[tp], out)
        return last


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer.topics()  # so that it knows the partitions
    return set(consumer.partitions_for_topic(topic) or ())


async def _copy(consumer: AIOKafkaConsumer, tp: TopicPartition, end: int, out: BinaryIO) -> None:
    consumer.assign([tp])
    consumer.seek(tp, 0)
    position = 0
    while position < end:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                event = orjson.loads(record.value)
                place = {
                    "logpartition": tp.partition,
                    "logoffset": record.offset,
                    "logtime": to_rfc3339(record.timestamp),
                }
                out.write(orjson.dumps({**event, **place}, option=orjson.OPT_APPEND_NEWLINE))
                position = record.offset + 1
