"""Kafka in memory: one partition of each topic, produce batches that are written and acknowledged one by one.

A produce batch is written whole or not at all. Batches of one writer to one topic are written, and acknowledged, in the
order in which they were sent; between topics and writers every order is possible.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from handrail.schemas.topics import AGENT_EVENTS, STATES
from handrail.streams.engine.changelog import POSITION
from handrail.streams.engine.producer import Producer, Row, Written
from tests.crash.simulation.loop import Loop

Line = tuple[str, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
"""(topic, key, value, headers) of an output"""


@dataclass(slots=True)
class Kept:
    """One record of the changelog; the position is that of its header."""

    offset: int
    position: int
    row: Row


@dataclass(slots=True)
class Cluster:
    """The logs.

    `end` is the offset that the changelog's next record gets, `ahead` the highest position in it; what compaction takes
    away counts for both.
    """

    outputs: list[Line] = field(default_factory=list)
    changelog: list[Kept] = field(default_factory=list)
    end: int = 0
    ahead: int = -1

    def append(self, topic: str, rows: Sequence[Row]) -> int:
        """Write a batch; the offset of its first record."""
        if topic != STATES:
            self.outputs += [(topic, row.key, row.value, tuple(row.headers)) for row in rows]
            return len(self.outputs) - len(rows)
        first, self.end = self.end, self.end + len(rows)
        for offset, row in enumerate(rows, start=first):
            position = position_of(row)
            self.ahead = max(self.ahead, position)
            self.changelog.append(Kept(offset, position, row))
        return first

    def at(self, outputs: int, end: int, ahead: int) -> "Cluster":
        """What lay there when so many outputs, and the changelog up to `end`, were written; nothing was compacted."""
        return Cluster(self.outputs[:outputs], self.changelog[:end], end, ahead)

    def compacted(self) -> "Cluster":
        """The last record of each key stays, whatever its position; tombstones go."""
        last = {kept.row.key: kept for kept in self.changelog}
        left = [kept for kept in last.values() if kept.row.value is not None]
        return Cluster(self.outputs, sorted(left, key=lambda kept: kept.offset), self.end, self.ahead)

    def between(self, first: int, end: int) -> Iterator[Row]:
        """The changelog's records from `first` up to, not including, `end`."""
        return (kept.row for kept in self.changelog if first <= kept.offset < end)


def position_of(row: Row) -> int:
    """The position in the header."""
    return int.from_bytes(dict(row.headers)[POSITION], "big", signed=True)


@dataclass(slots=True)
class Batch:
    """A produce batch on its way."""

    topic: str
    rows: list[Row]
    acknowledged: "asyncio.Future[Written]"
    first: int = 0

    def acknowledge(self) -> None:
        self.acknowledged.set_result(Written(self.first, len(self.rows)))


def told(value: bytes | None) -> bytes:
    """What a control record for another partition says, without who says it and when: the same from every worker."""
    event = orjson.loads(value or b"")
    return orjson.dumps([event["id"], event["data"]["agent_id"], event["data"]["at"]])


class MemoryProducer(Producer):
    """The engine's producer over a Cluster: when a batch is written, and when that is told, is for others to say.

    `rows_max` is how many records fit into one batch. An eager one writes and acknowledges at once.
    """

    def __init__(self, cluster: Cluster, loop: Loop, rows_max: int, eager: bool) -> None:
        self.cluster, self._loop, self._rows_max, self._eager = cluster, loop, rows_max, eager
        self._turns = defaultdict(asyncio.Lock)
        self.sent: dict[str, deque[Batch]] = {}
        self.written: dict[str, deque[Batch]] = {}

    def write_next(self, topic: str) -> None:
        """The oldest batch for this topic reaches the broker."""
        batch = self.sent[topic].popleft()
        batch.first = self.cluster.append(topic, batch.rows)
        self.written.setdefault(topic, deque()).append(batch)

    def acknowledge_next(self, topic: str) -> None:
        """The worker hears that its oldest written batch is safe."""
        self.written[topic].popleft().acknowledge()

    def possible(self) -> list[tuple[str, str]]:
        """What may happen next: (`write` or `acknowledge`, topic)."""
        found = [("write", topic) for topic, batches in self.sent.items() if batches]
        return found + [("acknowledge", topic) for topic, batches in self.written.items() if batches]

    def _batches(self, rows: Iterable[Row]) -> list[Any]:
        found = list(rows)
        return [found[at : at + self._rows_max] for at in range(0, len(found), self._rows_max)]

    async def _send(self, topic: str, partition: int, batch: Any) -> Any:
        rows = batch if topic != AGENT_EVENTS else [Row(b"%d" % partition, told(row.value)) for row in batch]
        one = Batch(topic, rows, self._loop.create_future())
        self.sent.setdefault(topic, deque()).append(one)
        if self._eager:
            self.write_next(topic)
            self.acknowledge_next(topic)
        return one.acknowledged
