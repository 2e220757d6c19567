"""How far the sink has come: what it has stored of a cluster, beside where the log ends."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb
from aiokafka import TopicPartition

from handrail.kafka.reachable import reachable
from handrail.schemas.errors import ConfigError
from handrail.streams.engine.reading import ends, partitions
from handrail.streams.sink.reading import open_readonly
from handrail.streams.sink.stage import TOPICS

POLL_S = 0.1
BROKER_S_MAX = 5.0
STORED_OFFSETS = 'SELECT topic, "partition", next_offset FROM offsets WHERE cluster_id = ?'


def offsets(data: Path, cluster: str) -> dict[TopicPartition, int]:
    """The next offset of each partition that is stored, as a reader sees it. Raises ConfigError."""
    try:
        with open_readonly(data).connection as connection:
            rows = connection.execute(STORED_OFFSETS, [cluster]).fetchall()
    except duckdb.Error as error:
        raise ConfigError(f"{data}: {str(error).splitlines()[0]}: is a sink's database there?") from error
    return {TopicPartition(topic, number): offset for topic, number, offset in rows}


async def log_ends(bootstrap: str) -> dict[TopicPartition, int]:
    """Where each partition that is stored ends now. Raises ConfigError where the broker does not answer."""
    with reachable(bootstrap):
        async with asyncio.timeout(BROKER_S_MAX):
            return await ends(bootstrap, await partitions(bootstrap, TOPICS), timeout_s=BROKER_S_MAX)


def records_between(last: Mapping[TopicPartition, int], stored: Mapping[TopicPartition, int]) -> int:
    """The sum over all partitions of the records from `stored` to `last`."""
    return sum(max(0, end - stored.get(tp, 0)) for tp, end in last.items())


async def count_missing(data: Path, cluster: str, last: Mapping[TopicPartition, int], seconds_max: float = 0) -> int:
    """How many records before these ends no reader sees yet; returns when there are none, or when the time is over."""
    deadline = time.monotonic() + seconds_max
    while True:
        try:
            count = records_between(last, offsets(data, cluster))
        except ConfigError:  # between two snapshots, or before the first
            count = records_between(last, {})
        if not count or time.monotonic() >= deadline:
            return count
        await asyncio.sleep(POLL_S)
