"""One partition of `agent.events.v1`: what is fetched is folded and delivered in the order of the log."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from faust.types import TP

from handrail.schemas.errors import ConfigError, EngineError, FoldError
from handrail.schemas.record import Record, StateWrite
from handrail.schemas.topics import POLICIES
from handrail.streams.engine import controls
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.consumer import BatchConsumer
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.counters import Counters
from handrail.streams.engine.delivery import Delivery
from handrail.streams.engine.fatal import die_of
from handrail.streams.engine.fetch import Fetch, FetchOrder
from handrail.streams.governor.batch import UnknownBundle
from handrail.streams.governor.partition import Folded, PartitionFold
from handrail.streams.governor.state import PARTITION_KEY

CHUNK_RECORDS = 200  # folded in one go: the event loop does nothing else meanwhile
CHUNK_BYTES = 1_000_000  # the same, of large events: a chunk ends with the one that reaches it
IN_FLIGHT_MAX = 3  # chunks being acknowledged while the next one is folded
# What those chunks were folded to. 200 small events may make 200 handoffs of 200 kB each.
IN_FLIGHT_BYTES_MAX = 8_000_000
TICK_MS = 1000
# An old state that a stopped worker wrote is noticed at the next write; where none comes, within a day, after which
# compaction would have thrown the newer one away.
LOOK_S = 600.0
SNAPSHOT_AGAIN_MS = 60_000  # while the one that was written has not come back on the log

ROOM_AGAIN_MS = 2_000  # the same, of `control.memory`


@dataclass(slots=True)
class Chunk:
    """Records to be folded together, and the fetches that end with them. `size`, `made`: bytes in, and bytes out."""

    records: list[Record] = field(default_factory=list)
    ended: list[Any] = field(default_factory=list)
    size: int = 0
    made: int = 0

    @property
    def full(self) -> bool:
        """Whether no more is to be folded with it."""
        return len(self.records) >= CHUNK_RECORDS or self.size >= CHUNK_BYTES


class Pipeline:
    """The way of one partition's records, from the fetch to the last acknowledgement."""

    def __init__(
        self,
        tp: TP,
        fold: PartitionFold,
        delivery: Delivery,
        consumer: BatchConsumer,
        issuer: Issuer,
        bundles: Bundles,
        counters: Counters,
    ) -> None:
        self.tp, self.fold, self.delivery = tp, fold, delivery
        self._consumer, self._issuer, self._bundles, self._counters = consumer, issuer, bundles, counters
        self._backlog = consumer.backlog(tp)
        self._waiting: deque[Any] = deque()  # events, each with a Fetch; bounded by the backlog's bytes
        self.governed = asyncio.Event()  # a bundle is active
        self._checked = ""  # the bundle under which what is written here counts
        self._started = 0  # records of the first one that are taken already
        self._wake = asyncio.Event()
        self._closing = False
        self._deliveries: deque[asyncio.Task[None]] = deque()
        self._in_flight_bytes = 0  # of what those write
        self._ticked_ms = self._snapshot_ms = self._room_ms = 0
        self._moved_s = time.monotonic()  # when something was delivered, or came to one that had nothing to do
        self._first = fold.position + 1
        self.order = FetchOrder(consumer, tp, self._first)
        if self._first:
            consumer.recovered(tp, self._first)
        if fold.ruleset:
            self.governed.set()

    def put(self, event: Any) -> None:
        """Take over an event with a Fetch; it is acknowledged when all its records are delivered."""
        if not self._busy:
            self._moved_s = time.monotonic()
        self._waiting.append(event)
        self._wake.set()

    def close(self) -> None:
        """Let `run` end after what is in flight."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Fold and deliver until closed; what waits then is given back unprocessed."""
        while not self._closing:
            await self._next()
            chunk = self._take()
            if chunk.records or self.delivery.foreign:
                await self._deliver_later(await self._folded(chunk), chunk)
                await self._snapshot()
                await self._make_room()
            await asyncio.sleep(0)
        await asyncio.gather(*self._deliveries)
        if self.delivery.foreign:
            await self._deliver_later(await self._folded(Chunk()), Chunk())
            await asyncio.gather(*self._deliveries)
        await self.delivery.close()
        while self._waiting:
            self._give_back(self._waiting.popleft())

    async def _snapshot(self) -> None:
        """Writes the partition's own state to the log once a day; it stays valid when this worker ends."""
        now_ms = _now_ms()
        if now_ms - self._snapshot_ms < SNAPSHOT_AGAIN_MS or (data := self.fold.snapshot(now_ms)) is None:
            return
        self._snapshot_ms = now_ms
        await self._issue(controls.snapshot(data, now_ms))

    async def _make_room(self) -> None:
        """Writes `control.memory` where the partition remembers as many conversations as it may."""
        now_ms = _now_ms()
        if now_ms - self._room_ms < ROOM_AGAIN_MS or (data := self.fold.room()) is None:
            return
        self._room_ms = now_ms
        await self._issue(controls.memory(data, now_ms))

    async def _issue(self, event: controls.Event) -> None:
        await self._issuer.write(self.tp.partition, event, self.fold.sequence_floor)

    # --- how it stands

    @property
    def lag(self) -> int | None:
        """Records on the log that are not processed; None before the first fetch."""
        end = self._consumer.end(self.tp)
        return None if end is None else max(0, end - self._consumer.processed.get(self.tp, self._first))

    @property
    def backlog_bytes(self) -> int:
        """Bytes that are fetched and not processed."""
        return self._backlog.bytes

    @property
    def stuck_s(self) -> float:
        """For how long there was something to deliver, and nothing was."""
        return time.monotonic() - self._moved_s if self._busy else 0.0

    @property
    def full(self) -> bool:
        """Whether so much is fetched and not processed that nothing more is fetched."""
        return self._backlog.full

    @property
    def unacknowledged_s(self) -> float:
        """For how long the broker has acknowledged nothing of what is being delivered; 0 where nothing is."""
        return self.stuck_s if self._delivering else 0.0

    @property
    def unanswered_s(self) -> float:
        """For how long the broker has not answered a fetch; 0 where it is not asked."""
        return 0.0 if self.full else self._consumer.unanswered_s(self.tp)

    @property
    def _busy(self) -> bool:
        return bool(self._waiting) or self._delivering

    @property
    def _delivering(self) -> bool:
        return any(not task.done() for task in self._deliveries)

    # --- taking

    async def _next(self) -> None:
        """Wait for something to do; where time alone makes it, do that."""
        while not (self._waiting or self._closing or self.delivery.foreign):
            self._wake.clear()
            tick_s = self._until_tick_s()
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_S if tick_s is None else min(tick_s, LOOK_S))
            except TimeoutError:
                await self._time_passes(tick_s)

    async def _time_passes(self, tick_s: float | None) -> None:
        """Write a tick where a deadline has come; else look for another writer in an idle partition's changelog."""
        if tick_s is not None and tick_s <= LOOK_S:
            self._ticked_ms = _now_ms()
            await self._issue(controls.tick(self._ticked_ms))
        elif not self._busy:
            with suppress(ConfigError):  # brokers that are away are asked again
                await self.delivery.look()

    def _until_tick_s(self) -> float | None:
        due = self.fold.next_ms
        return None if due is None else max(0, due - _now_ms(), self._ticked_ms + TICK_MS - _now_ms()) / 1000

    def _take(self) -> Chunk:
        chunk = Chunk()
        while self._waiting and not chunk.full:
            event = self._waiting[0]
            fetch: Fetch = event.value
            if not self._started and not self.order.accepts(fetch):
                self._give_back(self._waiting.popleft())
                continue
            part, size = fetch.part(self._started, CHUNK_RECORDS - len(chunk.records), CHUNK_BYTES - chunk.size)
            chunk.records += part
            chunk.size += size
            self._started += len(part)
            self.order.expected = part[-1].offset + 1
            if self._started == len(fetch.records):
                chunk.ended.append(self._waiting.popleft())
                self._started = 0
        return chunk

    def _give_back(self, event: Any) -> None:
        event.ack()  # only the engine's own count is committed
        self._backlog.settle(event.value.size)
        self._started = 0

    # --- folding

    async def _folded(self, chunk: Chunk) -> Folded:
        try:
            return await self._fold(chunk.records)
        except FoldError as broken:
            await self._deliver_before(broken.offset, chunk)
            raise

    async def _deliver_before(self, offset: int, chunk: Chunk) -> None:
        """Deliver what came before the record that the fold is broken on: it alone, and what follows, has to wait."""
        before = Chunk([record for record in chunk.records if record.offset < offset])
        if before.records:
            await self._deliver_later(await self._fold(before.records), before)
        await asyncio.gather(*self._deliveries)

    async def _fold(self, records: Sequence[Record]) -> Folded:
        try:
            folded = self.fold.fold(records)
        except UnknownBundle as unknown:
            await self._bundles.refresh()
            if not await self._bundles.load(unknown.ruleset):
                raise EngineError(
                    f"{self.tp.topic}[{self.tp.partition}]: {unknown}: publish it to {POLICIES} again"
                ) from unknown
            folded = self.fold.fold(records)
        if self.fold.ruleset:
            self.governed.set()
        if self._checked != self.fold.ruleset:
            self._issuer.check(self.fold)
            self._checked = self.fold.ruleset
        self._repair_states(folded)
        return folded

    def _repair_states(self, folded: Folded) -> None:
        """Adds the states that another writer overwrote; all outputs up to them leave before they do."""
        keys = self.delivery.foreign
        self.delivery.foreign = set()
        written = {write.key for write in folded.states}
        for key in sorted(keys - written - {PARTITION_KEY}):  # which is written with every batch
            folded.states.append(self.fold.stored(key) or StateWrite(key, None, self.fold.position))

    # --- delivering

    async def _deliver_later(self, folded: Folded, chunk: Chunk) -> None:
        before = self._deliveries[-1] if self._deliveries else None
        name = f"{self.tp.topic}[{self.tp.partition}] offset {self.fold.position}"
        task = asyncio.create_task(self._deliver(folded, chunk, self.fold.position, before), name=name)
        task.add_done_callback(die_of)
        self._deliveries.append(task)
        chunk.made = _output_bytes(folded)
        self._in_flight_bytes += chunk.made
        while self._deliveries and (self._crowded or self._deliveries[0].done()):
            await self._deliveries.popleft()

    @property
    def _crowded(self) -> bool:
        return len(self._deliveries) > IN_FLIGHT_MAX or self._in_flight_bytes > IN_FLIGHT_BYTES_MAX

    async def _deliver(self, folded: Folded, chunk: Chunk, position: int, before: "asyncio.Task[None] | None") -> None:
        await self.delivery.outputs(folded.outputs)
        self._counters.delivered(chunk.records, folded, _now_ms())
        if before is not None:
            await before
        await self._supervise_elsewhere(folded)
        await self.delivery.states(folded)
        self._in_flight_bytes -= chunk.made
        self._consumer.processed[self.tp] = position + 1
        self._moved_s = time.monotonic()
        for event in chunk.ended:
            event.ack()
            self._backlog.settle(event.value.size)
        if self.delivery.foreign:
            self._wake.set()

    async def _supervise_elsewhere(self, folded: Folded) -> None:
        """An agent that acted without a decision is supervised in every partition; before the states, so that a crash
        repeats it.

        A recovery between the two writes it again, which changes nothing.
        """
        others = [number for number in range(self.fold.partitions or 0) if number != self.tp.partition]
        for supervision in folded.supervisions:
            event = controls.supervised(supervision, self.tp.partition, _now_ms())
            await asyncio.gather(*(self._issuer.write(number, event) for number in others))


def _output_bytes(folded: Folded) -> int:
    """Bytes of the values that a fold returned."""
    outputs = sum(len(output.value) for output in folded.outputs)
    return outputs + sum(len(write.value or b"") for write in folded.states)


def _now_ms() -> int:
    return int(time.time() * 1000)
