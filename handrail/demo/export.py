"""The whole event log as a file that `handrail replay` reads: one CloudEvent a line, with its place on the log."""

from pathlib import Path

import orjson
from aiokafka import TopicPartition

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.engine.reading import ends, partitions, scan

FILE = "events.jsonl"
STORED = (AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS)


async def write(bootstrap: str, path: Path) -> dict[TopicPartition, int]:
    """Write all of `agent.events.v1`, partition by partition; gives the ends of all topics that the sink stores."""
    last = await ends(bootstrap, await partitions(bootstrap, STORED))
    with path.open("wb") as out:
        async for record in scan(bootstrap, [AGENT_EVENTS]):
            place = {
                "logpartition": record.partition,
                "logoffset": record.offset,
                "logtime": to_rfc3339(record.timestamp),
            }
            out.write(orjson.dumps({**orjson.loads(record.value), **place}, option=orjson.OPT_APPEND_NEWLINE))
    return last
