"""The sink from start to end: read, store, copy for readers, until it is stopped."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import ConsumerRecord, TopicPartition
from prometheus_client import CollectorRegistry

from handrail.kafka.one_log import OneLog, process_of
from handrail.schemas.errors import SinkError
from handrail.schemas.record import Record
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.probe import Look, reporting, with_waits
from handrail.streams.process import stop_signal
from handrail.streams.sink.database import LIVE
from handrail.streams.sink.drift import DriftWatch
from handrail.streams.sink.erase import Erased, Request, answer_request, take_request
from handrail.streams.sink.forgotten import Forgotten
from handrail.streams.sink.live import Live
from handrail.streams.sink.log_reader import Reader, Records, check_cluster_id
from handrail.streams.sink.settings import SinkSettings
from handrail.streams.sink.snapshot import Schedule
from handrail.streams.sink.stage import TOPICS, Staged, staged
from handrail.streams.sink.status import Counters, SinkGauges, healthy, waits
from handrail.streams.sink.status import ready as is_ready
from handrail.streams.sink.store import Store

CLOSE_S_MAX = 5.0
CLOSE_POLL_S = 0.05

Notice = Callable[[str], None]


async def run(settings: SinkSettings, ready: Notice, notice: Notice) -> None:
    """Store the log until SIGTERM or SIGINT; what has been read by then is stored and in the snapshot.

    `ready` gets one line when the schema stands and the log is read, `notice` one for what an operator should
    know. Raises SinkError where disk or database refuse, ConfigError where there is no broker.
    """
    stop = stop_signal()
    store = await asyncio.to_thread(Store.open, settings.data / LIVE)
    try:
        await ensure_topics(settings.bootstrap)
        async with process_of(settings.bootstrap, TOPICS, "sink") as log:
            await _store_log(settings, store, log, stop, ready, notice)
    finally:
        store.close()


async def _store_log(
    settings: SinkSettings, store: Store, log: OneLog, stop: asyncio.Event, ready: Notice, notice: Notice
) -> None:
    cluster = check_cluster_id(settings.bootstrap, log.id.cluster)
    store.belongs(log.id)
    live = await asyncio.to_thread(_shared, settings, store, notice)
    registry = CollectorRegistry()
    counters = Counters(registry)
    reader = Reader(settings.bootstrap, log, store.offsets(cluster), notice)
    watch = DriftWatch(store, cluster, settings.bootstrap, reader)
    snapshots = Schedule(settings.snapshot_s, live)
    writer = Writer(store, cluster, snapshots, counters, watch)
    look = partial(waits, reader, counters, snapshots)
    registry.register(SinkGauges(counters, reader, settings.data, cluster))
    async with (
        reader,
        _served(settings, registry, counters, reader, look) as endpoint,
        reporting("handrail sink", look, notice),
    ):
        ready(f"ready: sink of {reader.partitions} partitions at {settings.bootstrap}, database {store.path}{endpoint}")
        async with writer:
            while not stop.is_set():
                await writer.add(await reader.read())
                if (request := take_request(settings.data)) is not None:
                    answer_request(request, await writer.forget(request))
        store.unshare()  # a live reader of the past keeps the last snapshot from being taken
        if not await writer.close():
            notice("handrail sink: the last snapshot lacks rows, a live query did not end; the database has all")


def _shared(settings: SinkSettings, store: Store, notice: Notice) -> Live | None:
    """None where live reading is off, or DuckDB's extensions are missing: readers have the snapshot."""
    if not settings.live:
        return None
    try:
        return store.share(settings.live_address)
    except SinkError as error:
        notice(f"handrail sink: no live reading: {error}")
        return None


@asynccontextmanager
async def _served(
    settings: SinkSettings, registry: CollectorRegistry, counters: Counters, reader: Reader, look: Look
) -> AsyncIterator[str]:
    """Serves /metrics, /healthz and /readyz; gives what the `ready` line says of it."""
    if settings.http is None:
        yield ""
        return
    from handrail.streams.http import serving  # aiohttp takes 0.2 s to import

    ready = partial(with_waits, partial(is_ready, reader, counters), look)
    async with serving(settings.http, registry, partial(healthy, counters), ready) as url:
        yield f", {url}/metrics"


class Writer:
    """Stores one batch while the next is read and staged; DuckDB works outside Python's lock."""

    def __init__(self, store: Store, cluster: str, snapshots: Schedule, counters: Counters, watch: DriftWatch) -> None:
        self._store, self._cluster, self._snapshots, self._counters = store, cluster, snapshots, counters
        self._watch = watch
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing works on the database any more."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def add(self, records: Records) -> None:
        """The batch before is stored, this one is on its way; now and then a snapshot is taken in between."""
        self._counters.read(records)
        lagging = self._watch.lagging()
        batch = await asyncio.to_thread(_staged, records, self._store.forgotten, self._cluster) if records else Batch()
        await self._settle()
        if self._snapshots.due():
            await self._snapshot()
        if records:
            self._writing = asyncio.create_task(self._write(records, batch, lagging))

    async def forget(self, request: Request) -> Erased:
        """The customer is in no row, no page of the file and no snapshot; returns what was removed."""
        await self._settle()
        removed, conversations = await asyncio.to_thread(self._store.forget, request.ref, request.tenant)
        rewritten = await asyncio.to_thread(self._store.rewrite)
        self._snapshots.changed = True
        copied = await self.close()
        return Erased(dict(removed), rewritten and copied, conversations)

    async def close(self) -> bool:
        """All that was added is stored, and in the snapshot; False where a reader has not let it be for CLOSE_S_MAX."""
        await self._settle()
        deadline_s = time.monotonic() + CLOSE_S_MAX
        while self._snapshots.changed and time.monotonic() < deadline_s:
            if not await self._snapshot():
                await asyncio.sleep(CLOSE_POLL_S)  # DuckDB does not notify when a reader's query ends
        return not self._snapshots.changed

    async def _write(self, records: Records, batch: "Batch", lagging: frozenset[int]) -> None:
        ends = {(tp.topic, tp.partition): fetched[-1].offset + 1 for tp, fetched in records.items()}
        started_s = self._counters.storing_s = time.monotonic()
        await asyncio.to_thread(self._store.write, self._cluster, batch.lines, ends, batch.returned)
        self._counters.storing_s = None
        self._counters.stored(records, batch.lines, time.monotonic() - started_s)
        await self._watch.look(records, lagging)

    async def _snapshot(self) -> bool:
        started_s = self._counters.copying_s = time.monotonic()
        taken = await asyncio.to_thread(self._snapshots.take, self._store)
        self._counters.copying_s = None
        if taken:
            self._counters.copied(time.monotonic() - started_s)
        return taken

    async def _settle(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing
            self._snapshots.changed = True


class Batch(NamedTuple):
    """Lines to store, and conversations of forgotten customers, of which nothing is stored."""

    lines: Sequence[tuple[str, bytes]] = ()
    returned: frozenset[str] = frozenset()


def _staged(records: Records, forgotten: Forgotten, cluster: str) -> Batch:
    hidden = partial(forgotten.has, cluster) if forgotten else None
    read = [
        (record.timestamp, staged(record_of(tp, record), dict(record.headers), hidden))
        for tp, fetched in records.items()
        for record in fetched
    ]
    if not forgotten:
        return Batch([line[:2] for _, line in read])
    return _without(read, forgotten, cluster)


def record_of(tp: TopicPartition, fetched: ConsumerRecord) -> Record:
    """The record as it came, without its headers."""
    return Record(tp.topic, tp.partition, fetched.offset, fetched.timestamp, fetched.key, fetched.value)


def _without(read: Sequence[tuple[int, Staged]], forgotten: Forgotten, cluster: str) -> Batch:
    """The records (log time, staged) without those of forgotten customers."""
    returned = frozenset(
        line.conversation
        for at_ms, line in read
        if line.conversation is not None
        and line.customer is not None
        and forgotten.names(line.customer, line.tenant, at_ms)
        and not forgotten.has(cluster, line.conversation)
    )
    remaining = [
        line[:2]
        for at_ms, line in read
        if not any(forgotten.names(ref, line.tenant, at_ms) for ref in line.refs)
        if line.conversation is None or not (line.conversation in returned or forgotten.has(cluster, line.conversation))
    ]
    return Batch(remaining, returned)
