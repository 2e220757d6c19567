"""Reads along the states of a partition that another worker owns, so that this worker can take it over at once."""

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from handrail.schemas.errors import EngineError
from handrail.schemas.topics import STATES
from handrail.streams.engine import changelog
from handrail.streams.engine.changelog import Loading
from handrail.streams.engine.fatal import die_of
from handrail.streams.engine.reading import reading

FETCH_WAIT_MS = 500  # the embedded broker answers each fetch only when this is over; a take-over reads the rest at once
FETCH_BYTES = 2_000_000  # a state has at most 1.1 MB; there is no hurry
POLL_MS = 1_000
RETRY_S = 5.0  # while the brokers are away

Notice = Callable[[str], None]


class Standby:
    """Reads the changelog of one partition along until it is closed."""

    def __init__(
        self, bootstrap: str, loading: Loading, notice: Notice, begin: Callable[[], Awaitable[object]]
    ) -> None:
        """`begin` is awaited first: what a worker owns comes before what it may own one day."""
        self.loading = loading
        self.end: int | None = None
        self._bootstrap, self._notice, self._begin = bootstrap, notice, begin
        self._tp = TopicPartition(STATES, loading.fold.number)
        self._task = asyncio.create_task(self._run(), name=f"standby of {STATES}[{self._tp.partition}]")
        self._task.add_done_callback(die_of)

    @property
    def offset(self) -> int:
        """The next state to be read."""
        return self.loading.offset

    @property
    def lag(self) -> int | None:
        """States on the changelog that are not loaded, as the last fetch knew it; None before the first one."""
        return None if self.end is None else max(0, self.end - self.offset)

    async def close(self) -> None:
        """Nothing is loaded any more when this returns."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        await self._begin()
        while True:
            try:
                await self._follow()
                return
            except EngineError as error:  # the owner of the partition reports it too; this worker goes on
                self._notice(f"handrail worker: no standby of {STATES}[{self._tp.partition}]: {error}")
                return
            except (KafkaError, OSError):
                await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        await self.loading.read()
        options = {"fetch_max_wait_ms": FETCH_WAIT_MS, "max_partition_fetch_bytes": FETCH_BYTES}
        async with reading(self._bootstrap, **options) as consumer:
            consumer.assign([self._tp])
            consumer.seek(self._tp, self.offset)
            while True:
                fetched = await consumer.getmany(self._tp, timeout_ms=POLL_MS, max_records=changelog.RECORDS_MAX)
                if records := fetched.get(self._tp):
                    await self.loading.take(records)
                    if self.loading.overflowed:
                        return
                self.end = consumer.highwater(self._tp)
                await asyncio.sleep(0)
