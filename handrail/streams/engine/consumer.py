"""Faust's consumer, with one event for each partition's fetch instead of one for each record.

Stock Faust makes four asyncio tasks a record and calls offsets committable by counting acknowledgements. Here an
event carries a whole `Fetch`, and an offset can be committed only when the engine has called it processed. The
overridden methods are those of Faust 0.15.3; `docs/decisions/0002-engine.md` says what each is for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, InvalidSessionTimeoutError, KafkaError
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from handrail.kafka import aiokafka_patches
from handrail.schemas.errors import ConfigError
from handrail.streams.engine.fatal import die
from handrail.streams.engine.fetch import Backlog, Fetch

SHORT_WAIT_S = 0.05  # while a full partition may get room again
# Faust fixes 1500. Apache Kafka answers a fetch as soon as there is a record, the embedded broker only when it is over.
FETCH_WAIT_MS = 25
# Of one answer of a broker, which stays in memory with the records that are made of it. Else 9 MB of each partition.
ANSWER_BYTES_MAX = 20_000_000


class BatchConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that talks to the broker."""

    async def on_start(self) -> None:
        await super().on_start()
        self._ensure_consumer()._coordinator._push_error_to_user = self._refused

    async def _refused(self, error: KafkaError) -> NoReturn:
        """A group that does not take this member ends the process; Faust never asks, and would wait for ever."""
        group = f"group {self.app.conf.id}"
        if isinstance(error, InvalidSessionTimeoutError):
            session_s = self.app.conf.broker_session_timeout
            allowed = "group.min.session.timeout.ms and group.max.session.timeout.ms of the broker allow"
            die(ConfigError(f"{group}: no session of {session_s:g} s: set --session-timeout-s to what {allowed}"))
        die(error, group)

    def _create_worker_consumer(self, transport: Any) -> Any:
        aiokafka_patches.install()
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._fetch_max_bytes = ANSWER_BYTES_MAX
        return consumer

    def answered_ms(self, tp: TP) -> int | None:
        """When the last fetch of the partition was answered, by this machine's clock."""
        answered_ms: int | None = self._ensure_consumer().last_poll_timestamp(TopicPartition(tp.topic, tp.partition))
        return answered_ms

    async def committed(self, tp: TP) -> int:
        """The group's offset in the partition, 0 where there is none. Waits for a broker that is away."""
        offset: int | None = await self.call_thread(
            self._ensure_consumer().committed, TopicPartition(tp.topic, tp.partition)
        )
        return offset or 0

    async def seek_here(self, tp: TP, offset: int) -> None:
        """Faust seeks from its own thread, and then the fetcher in this one may never notice."""
        await self.call_thread(self._seek_here, tp, offset)

    async def _seek_here(self, tp: TP, offset: int) -> None:
        self._ensure_consumer().seek(TopicPartition(tp.topic, tp.partition), offset)


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Fetches go out whole; what is committed is what the engine calls processed."""

    def __post_init__(self) -> None:
        self.processed: dict[TP, int] = {}
        self.backlogs: dict[TP, Backlog] = {}
        self.epochs: dict[TP, int] = {}
        self._rewinds: dict[TP, int] = {}

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # --- for the engine

    def rewind(self, tp: TP, offset: int) -> int:
        """Read the partition again from `offset`; returns the epoch of the first fetch that does."""
        self._rewinds[tp] = offset
        return self.epochs.get(tp, 0) + 1

    def recovered(self, tp: TP, offset: int) -> None:
        """Commit what an earlier owner processed before `offset` and had no time to commit, be there records or not."""
        self.processed[tp] = offset
        self._acked[tp].clear()  # Faust asks only for partitions that it has an entry of

    async def committed(self, tp: TP) -> int:
        """The group's offset in the partition, 0 where there is none. Waits for a broker that is away."""
        offset: int = await self._thread.committed(tp)
        return offset

    def backlog(self, tp: TP) -> Backlog:
        """The partition's backlog since it was assigned."""
        return self.backlogs.setdefault(tp, Backlog())

    def end(self, tp: TP) -> int | None:
        """Where the partition ends, as its last fetch said; None where none has."""
        end: int | None = self.highwater(tp) if tp in self.assignment() else None
        return end

    def unanswered_s(self, tp: TP) -> float:
        """Since the last answer to a fetch of the partition, which comes within FETCH_WAIT_MS; 0 before the first."""
        answered_ms = self._thread.answered_ms(tp) if tp in self.assignment() else None
        return 0.0 if answered_ms is None else max(0.0, time.time() - answered_ms / 1000)

    # --- what Faust calls

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """One message for each partition that has records; its value is a Fetch."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        await self._apply_rewinds()
        generation = self.app.consumer_generation_id
        fetched, active = await self._wait_next_records(timeout)
        if fetched is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        for tp, records in fetched.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if not records or tp in self._rewinds or (active is not None and tp not in active):
                continue
            fetch = Fetch.of(records, self.epochs.get(tp, 0))
            self.backlog(tp).add(fetch.size)
            message = self._to_message(tp, records[-1])
            message.key, message.value = None, fetch
            yield tp, message

    async def perform_seek(self) -> None:
        """A partition may leave while its committed offset is asked for; the assignment that took it seeks again."""
        with suppress(IllegalStateError):
            await super().perform_seek()

    async def _apply_rewinds(self) -> None:
        """Seeks between two fetches, so that every later fetch comes from the new place."""
        assigned = self.assignment()
        while self._rewinds:
            tp, offset = self._rewinds.popitem()
            if tp in assigned:
                self.epochs[tp] = self.epochs.get(tp, 0) + 1
                self._read_offset[tp] = offset or None
                await self._thread.seek_here(tp, offset)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[TP] | None]:
        """As Faust's, but a partition with too much on its way is left out, and waiting for room is no sleep."""
        active: set[TP] = self._get_active_partitions()
        full = {tp for tp in active if self.backlog(tp).full}
        if not active:
            await self.sleep(
                SHORT_WAIT_S
            )  # Faust's own start and rebalance: it says when by nothing that can be awaited
            return {}, active
        if full == active:
            await _first(self.backlog(tp).room.wait() for tp in full)
            return {}, active
        wanted = active - full
        records = await self._getmany(active_partitions=wanted, timeout=SHORT_WAIT_S if full else timeout)
        return records, wanted

    async def _drain_messages(self, fetcher: Any) -> None:
        """An error while fetching ends the process; Faust would report it to threads that do not listen."""
        try:
            await super()._drain_messages(fetcher)
        except Exception as error:
            if self.app.should_stop:
                raise
            die(error, "fetching")

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """To Faust a fetch is a gap, which it would call processed before it is, and one offset too far."""

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.processed.get(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """Faust takes a commit that the group refused for done, and would not try again before the next record."""
        done: bool = await super()._commit_offsets(offsets, start_new_transaction)
        if not done:
            for tp in offsets:
                self._committed_offset.pop(tp, None)
        return done

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await self.app.release(revoked)
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self.processed.pop(tp, None)
            self.backlogs.pop(tp, None)
            self._rewinds.pop(tp, None)


async def _first(waits: Iterable[Any]) -> None:
    """The first of them is over, or one second; so a stopping worker goes on."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


class BatchTransport(driver.Transport):  # type: ignore[misc]
    Consumer = BatchConsumer


class FetchSchema(Schema):  # type: ignore[misc]
    """Passes a fetch through as it is."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **_: Mapping[str, Any]) -> Any:
        return message.value
