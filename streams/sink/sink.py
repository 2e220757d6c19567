"""The sink from start to end: read, store, copy for readers, until it is told to stop."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from handrail.schemas.record import Record
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.process import stop_signal
from handrail.streams.sink.database import LIVE
from handrail.streams.sink.reader import Reader, Records, cluster_id
from handrail.streams.sink.settings import SinkSettings
from handrail.streams.sink.snapshot import Schedule
from handrail.streams.sink.stage import stage
from handrail.streams.sink.store import Store

Tell = Callable[[str], None]


async def run(settings: SinkSettings, ready: Tell, notice: Tell) -> None:
    """Store the log until SIGTERM or SIGINT; what has been read by then is stored and in the snapshot.

    `ready` gets one line when the schema stands and the log is read, `notice` one for whatever a person should know.
    Raises SinkError where disk or database refuse, ConfigError where there is no broker.
    """
    stop = stop_signal()
    store = await asyncio.to_thread(Store.open, settings.data / LIVE)
    try:
        await ensure_topics(settings.bootstrap)
        cluster = await cluster_id(settings.bootstrap)
        writer = Writer(store, cluster, Schedule(settings.snapshot_s))
        async with Reader(settings.bootstrap, cluster, store.offsets(cluster), notice) as reader:
            ready(f"ready: sink of {reader.partitions} partitions at {settings.bootstrap}, database {store.path}")
            async with writer:
                while not stop.is_set():
                    await writer.add(await reader.read())
            await writer.close()
    finally:
        store.close()


class Writer:
    """Stores one batch while the next is read and staged; DuckDB works outside Python's lock."""

    def __init__(self, store: Store, cluster: str, snapshots: Schedule) -> None:
        self._store, self._cluster, self._snapshots = store, cluster, snapshots
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
        lines = await asyncio.to_thread(_staged, records) if records else []
        await self._settle()
        if self._snapshots.due():
            await asyncio.to_thread(self._snapshots.take, self._store)
        if records:
            ends = {(tp.topic, tp.partition): found[-1].offset + 1 for tp, found in records.items()}
            self._writing = asyncio.create_task(asyncio.to_thread(self._store.write, self._cluster, lines, ends))

    async def close(self) -> None:
        """All that was added is stored, and in the snapshot."""
        await self._settle()
        if self._snapshots.changed:
            await asyncio.to_thread(self._snapshots.take, self._store)

    async def _settle(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing
            self._snapshots.changed = True


def _staged(records: Records) -> list[tuple[str, bytes]]:
    return [
        stage(Record(tp.topic, tp.partition, one.offset, one.timestamp, one.key, one.value), dict(one.headers))
        for tp, found in records.items()
        for one in found
    ]
