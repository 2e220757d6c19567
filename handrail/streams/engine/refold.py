"""Folds a partition again from its log, without any output: for conversations whose states are in doubt."""

import asyncio

from aiokafka import TopicPartition

from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.fetch import record_of
from handrail.streams.engine.reading import beginnings, stretch
from handrail.streams.governor.batch import UnknownBundle
from handrail.streams.governor.partition import PartitionFold

CHUNK_RECORDS = 200  # folded in one go: the event loop does nothing else meanwhile


async def cut(bootstrap: str, partition: int) -> bool:
    """Whether retention has taken the beginning of the partition's log."""
    tp = TopicPartition(AGENT_EVENTS, partition)
    return (await beginnings(bootstrap, [tp]))[tp] > 0


async def refold(
    bootstrap: str, partition: int, partitions: int, bundles: Bundles, position: int
) -> PartitionFold | None:
    """The fold up to and with the record at `position`; None where retention has cut the log before it.

    And where the log activates a bundle that is not published any more.
    """
    if await cut(bootstrap, partition):
        return None
    tp = TopicPartition(AGENT_EVENTS, partition)
    fold, chunk = PartitionFold(partition, partitions, bundles.known), list[Record]()
    async for record in stretch(bootstrap, tp, 0, position + 1):
        chunk.append(record_of(record))
        if len(chunk) == CHUNK_RECORDS:
            if not await _folded(fold, chunk, bundles):
                return None
            chunk = []
    return fold if await _folded(fold, chunk, bundles) else None


async def _folded(fold: PartitionFold, records: list[Record], bundles: Bundles) -> bool:
    """False where a bundle is missing."""
    await asyncio.sleep(0)
    while True:
        try:
            fold.fold(records)
            return True
        except UnknownBundle as unknown:
            if not await bundles.load(unknown.ruleset):
                return False
