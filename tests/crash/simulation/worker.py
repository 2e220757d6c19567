"""A worker in memory: the engine's own pipeline, delivery and fold; only Kafka and the membership are replaced."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from unittest.mock import patch

from faust.types import TP

from handrail.policies import Bundle
from handrail.schemas.decode import decode
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine import pipeline
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.delivery import Delivery
from handrail.streams.engine.fetch import Backlog, Fetch
from handrail.streams.engine.pipeline import Pipeline
from handrail.streams.governor import batch
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import PARTITION_KEY
from tests.crash.simulation.cluster import Cluster, MemoryProducer
from tests.crash.simulation.loop import Loop
from tests.crash.simulation.schedule import PARTITIONS, bundles

DECODED_MAX = 1_000
TP0 = TP(AGENT_EVENTS, 0)
PUBLISHED: dict[str, Bundle] = {bundle.ruleset: bundle for bundle in bundles()}


class MemoryDelivery(Delivery):
    """Reads what lies in a gap of the changelog from the Cluster."""

    cluster: Cluster

    async def _keys_between(self, first: int, end: int) -> set[bytes]:
        return {row.key for row in self.cluster.between(first, end) if row.key is not None}


@dataclass(frozen=True)
class Order:
    """Which code delivers: the engine's, or one that is broken on purpose (broken.py)."""

    fold: type[PartitionFold] = PartitionFold
    delivery: type[MemoryDelivery] = MemoryDelivery


RIGHT = Order()


class Consumer:
    """What a pipeline asks of its consumer; each fetch holds the next records of the log."""

    def __init__(self) -> None:
        self.processed: dict[TP, int] = {}
        self.next, self.epoch = 0, 0

    def backlog(self, tp: TP) -> Backlog:
        return Backlog()

    def recovered(self, tp: TP, offset: int) -> None:
        self.processed[tp] = offset

    def rewind(self, tp: TP, offset: int) -> int:
        self.next, self.epoch = offset, self.epoch + 1
        return self.epoch


class Tally:
    def delivered(self, *_: Any) -> None:
        """Nobody counts."""


class Known:
    """The published bundles, of which a worker may have read the first only."""

    def __init__(self, all_of_them: bool) -> None:
        self.known = dict(list(PUBLISHED.items())[: 2 if all_of_them else 1])

    async def refresh(self) -> None:
        self.known.update(PUBLISHED)

    async def load(self, ruleset: str) -> bool:
        return ruleset in self.known


class Event:
    """A fetch as Faust hands it over."""

    __slots__ = ("value",)

    def __init__(self, fetch: Fetch) -> None:
        self.value = fetch

    def ack(self) -> None:
        """Only the engine's own count is committed."""


class Worker:
    """The owner of the partition, recovered from the cluster's changelog. `log` is `agent.events.v1`."""

    def __init__(
        self, cluster: Cluster, log: Sequence[Record], order: Order = RIGHT, rows_max: int = 8, eager: bool = True,
        knows_all: bool = True, often: bool = False,
    ) -> None:  # fmt: skip
        self.cluster, self.log = cluster, log
        self.loop = Loop()
        self.producer = MemoryProducer(cluster, self.loop, rows_max, eager)
        self.consumer = Consumer()
        known = Known(knows_all)
        self.fold, stale = recovered(cluster, known.known, order, often)
        delivery = order.delivery(self.producer, "", 0, cluster.end)
        delivery.cluster, delivery.foreign = cluster, stale
        issuer = Issuer(self.producer, None, "worker")
        parts: Any = (self.consumer, issuer, known, Tally())
        self.pipeline = Pipeline(TP0, self.fold, delivery, *parts)
        self._running = self.loop.create_task(self.pipeline.run())
        self._running.add_done_callback(self.loop.died)
        self.loop.settle()

    @property
    def left(self) -> int:
        """How many records of the log are not fetched yet."""
        return len(self.log) - self.consumer.next

    def fetch(self, count: int) -> None:
        """Hand over the next records, and go on until everything waits."""
        first = self.consumer.next
        records = self.log[first : first + count]
        self.consumer.next = first + len(records)
        self.pipeline.put(Event(Fetch(records, self.consumer.epoch, 0)))
        self.loop.settle()

    def step(self, kind: str, topic: str) -> None:
        """One batch is written, or acknowledged."""
        if kind == "write":
            self.producer.write_next(topic)
        else:
            self.producer.acknowledge_next(topic)
        self.loop.settle()

    def close(self) -> None:
        """The partition leaves: what is in flight may still be delivered."""
        self.pipeline.close()
        self.loop.settle()


def recovered(
    cluster: Cluster, known: Mapping[str, Bundle], order: Order = RIGHT, often: bool = False
) -> tuple[PartitionFold, set[bytes]]:
    """The fold of a new owner, and the keys whose last record is not the newest.

    It follows while it reads, after every record or after each partition state: both are places where a chunk may end.
    """
    fold = order.fold(0, PARTITIONS, known)
    for kept in cluster.changelog:
        assert kept.row.key is not None
        fold.load(kept.row.key, kept.row.value, kept.position)
        if often or kept.row.key == PARTITION_KEY:
            fold.follow()
    fold.recovered()
    return fold, fold.overwritten


@contextmanager
def in_memory() -> Iterator[None]:
    """What a worker dies of is raised here; the only clock is the log's, so that no worker writes ticks of its own.

    A record is decoded once, however many workers fold it.
    """

    def died(task: "asyncio.Task[Any]") -> None:
        task.get_loop().died(task)  # type: ignore[attr-defined]

    decoded = lru_cache(DECODED_MAX)(decode)
    with patch.multiple(pipeline, die_of=died, _now_ms=lambda: 0), patch.object(batch, "decode", decoded):
        yield
