"""Reads the records of all stored topics, from where the database ends. Without a group: no partition is shared."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from handrail.kafka import aiokafka_patches
from handrail.kafka.log_id import log_id
from handrail.kafka.one_log import OneLog
from handrail.kafka.reachable import reachable, unreachable
from handrail.schemas.errors import ConfigError, SinkError
from handrail.schemas.topics import CATALOGUE
from handrail.streams.engine.reading import beginnings, ends, stop
from handrail.streams.engine.topics import Admin
from handrail.streams.sink.stage import TOPICS
from handrail.streams.sink.store import Place

RECORDS_MAX = 20_000  # of one transaction
FETCH_BYTES = max(CATALOGUE[topic].max_message_bytes for topic in TOPICS) + 500_000
FETCHES_BYTES_MAX = 4 * FETCH_BYTES
WAIT_MS = 200
FETCH_WAIT_MS = 50  # the embedded broker answers only when it is over
REFRESH_S = 10.0

Records = Mapping[TopicPartition, list[ConsumerRecord]]
Notice = Callable[[str], None]


async def cluster_id(bootstrap: str) -> str:
    """How the cluster names itself: offsets mean nothing elsewhere. Raises ConfigError."""
    admin = Admin(bootstrap_servers=bootstrap)
    try:
        with reachable(bootstrap):
            await admin.start()
            cluster = (await admin.describe_cluster())["cluster_id"]
    finally:
        await admin.close()
    return check_cluster_id(bootstrap, str(cluster or ""))


def check_cluster_id(bootstrap: str, cluster: str) -> str:
    """The id unchanged. Raises ConfigError where it is empty."""
    if not cluster:
        raise ConfigError(f"broker {bootstrap}: has no cluster id: the sink needs one to know its offsets again")
    return cluster


class Reader:
    """Reads every partition of the stored topics; those that are added later too, within REFRESH_S.

    `offsets` of `log` says where to go on; what is not in it is read from its beginning. `notice` gets one line for
    each partition of which records were deleted before they were stored.
    """

    def __init__(self, bootstrap: str, log: OneLog, offsets: Mapping[Place, int], notice: Notice) -> None:
        self._bootstrap, self._log, self._notice = bootstrap, log, notice
        self._next = {TopicPartition(*place): offset for place, offset in offsets.items()}
        self._refreshed_s = 0.0
        aiokafka_patches.install()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_uncommitted",  # as the governor reads
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=FETCHES_BYTES_MAX,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )

    async def __aenter__(self) -> Self:
        """Raises ConfigError where the brokers have gone away since they were asked who they are."""
        try:
            await self._consumer.start()
            await self.refresh()
        except (KafkaError, OSError) as error:
            await stop(self._consumer)
            raise unreachable(self._bootstrap, error, "start it, or mend the address") from error
        except BaseException:
            await stop(self._consumer)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await stop(self._consumer)

    @property
    def partitions(self) -> int:
        """How many are read."""
        return len(self._consumer.assignment())

    @property
    def unread(self) -> Mapping[TopicPartition, int | None]:
        """Records of each partition after the last one read; None before the first fetch has said where it ends."""
        ends = {tp: self._consumer.highwater(tp) for tp in self._consumer.assignment()}
        return {tp: None if end is None else max(0, end - self._next[tp]) for tp, end in ends.items()}

    @property
    def unanswered_s(self) -> float:
        """Since the last answer to a fetch of the partition that has had none for longest; 0 before the first."""
        answered_ms = [self._consumer.last_poll_timestamp(tp) for tp in self._consumer.assignment()]
        known = [time_ms for time_ms in answered_ms if time_ms is not None]
        return max(0.0, time.time() - min(known) / 1000) if known else 0.0

    async def read(self) -> Records:
        """The next records of each partition, in the order of the log; none where none came within WAIT_MS.

        Raises SinkError where another log is there now, or the broker refuses for good.
        """
        self._check_log()
        if time.monotonic() - self._refreshed_s >= REFRESH_S:
            self._refreshed_s = time.monotonic()
            with suppress(KafkaError, ConfigError):  # a broker that is away comes back, and is asked again
                await self.refresh()
        try:
            fetched: Records = await self._consumer.getmany(timeout_ms=WAIT_MS, max_records=RECORDS_MAX)
        except OffsetOutOfRangeError as error:
            await self._catch_up(list(error.args[0]))
            return {}
        except KafkaError as error:
            raise SinkError(f"sink: {unreachable(self._bootstrap, error)}") from error
        for tp, records in fetched.items():
            self._next[tp] = records[-1].offset + 1
        return fetched

    async def refresh(self) -> None:
        """Partitions that are new since the last time are read from their beginning, those stored from there on."""
        self._check_log()
        known = await self._partitions()
        assigned = self._consumer.assignment()
        if new := known - assigned:
            await self._place(new)
            self._consumer.assign(sorted(known | assigned))
            for tp in known | assigned:
                self._consumer.seek(tp, self._next[tp])
        self._refreshed_s = time.monotonic()

    def _check_log(self) -> None:
        """Raises SinkError where another log is there: offsets of this one mean nothing on it."""
        if self._log.lost:
            raise SinkError(f"sink: {self._log.lost}")

    async def _partitions(self) -> set[TopicPartition]:
        cluster = await self._consumer._client.fetch_all_metadata()
        return {
            TopicPartition(topic, number) for topic in TOPICS for number in cluster.partitions_for_topic(topic) or ()
        }

    async def _place(self, partitions: set[TopicPartition]) -> None:
        """Where each goes on: at what is stored, unless that is not on the log any more."""
        first, last = await asyncio.gather(beginnings(self._bootstrap, partitions), ends(self._bootstrap, partitions))
        for tp in sorted(partitions):
            stored = self._next.setdefault(tp, first[tp])
            self._check_end(tp, last[tp])
            if stored < first[tp]:
                self._restart(tp, first[tp])

    async def _catch_up(self, partitions: list[TopicPartition]) -> None:
        with suppress(KafkaError, OSError):
            self._log.compare(await log_id(self._bootstrap, TOPICS))
        self._check_log()
        first, last = await asyncio.gather(beginnings(self._bootstrap, partitions), ends(self._bootstrap, partitions))
        for tp in partitions:
            self._check_end(tp, last[tp])
            self._restart(tp, first[tp])
            self._consumer.seek(tp, first[tp])

    def _check_end(self, tp: TopicPartition, end: int) -> None:
        """Raises SinkError where the log ends before what is stored: its offsets would be given to other records."""
        if self._next[tp] > end:
            raise SinkError(
                f"sink: {tp.topic}[{tp.partition}]: ran back: ends at offset {end}, and is stored up to "
                f"{self._next[tp]}: it has lost records; if it stays so, choose another folder with --data: the log is "
                "stored from its beginning"
            )

    def _restart(self, tp: TopicPartition, first: int) -> None:
        self._notice(
            f"handrail sink: {tp.topic}[{tp.partition}]: offset {self._next[tp]} is not on the log any more, "
            f"going on at its beginning, offset {first}: keep records longer than the sink may stand still"
        )
        self._next[tp] = first
