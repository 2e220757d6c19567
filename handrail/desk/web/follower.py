"""One consumer that keeps the cases as the log has them, through lost brokers and new logs."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from handrail.desk.board import HANDOFF
from handrail.desk.web.forgetting import Forgetting
from handrail.desk.web.handoff_index import HandoffIndex
from handrail.desk.web.handoff_view import HandoffView
from handrail.desk.web.notifier import Notifier
from handrail.schemas.decode import decode_output
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.topics import ALERTS, DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.engine.reading import beginnings, ends, partitions, reading, stretch
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.sink.log_reader import cluster_id

READ = (HANDOFFS, RESOLUTIONS)  # from their beginning, in this order: claims and answers are of handoffs
FOLLOWED = (*READ, DECISIONS, ALERTS)
# Of the decisions only releases are told to people, of the alerts only those of a handoff; the rest is not decoded.
WANTED = {DECISIONS: b'"release"', ALERTS: b'"handoff_id"'}
POLL_MS = 200
RECORDS_MAX = 500
TURN = 200  # records between two turns of others, while the topics are read
PROBE_S, PROBE_S_MAX = 2.0, 5.0
AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Connection:
    """Whether what is shown is what the log has: `away` says why not, empty where it is; `since_s` is monotonic."""

    away: str
    since_s: float


class Follower:
    """`cases` is what the log told so far; `changes` is told of each change of them and of `connection`."""

    def __init__(self, bootstrap: str, changes: Notifier, data: Path | None = None) -> None:
        """`data`: the sink's folder, whose file says who was forgotten."""
        self._bootstrap, self._changes = bootstrap, changes
        self._forgetting = None if data is None else Forgetting(data)
        self._cluster = ""
        self._next: dict[TopicPartition, int] = {}
        self.cases = HandoffIndex()
        self.number = 0  # of the changes of the cases
        self.connection = Connection("the log has not been read yet", time.monotonic())

    async def begin(self) -> None:
        """Read the topics to their ends. Raises ConfigError where the broker is not there."""
        self._cluster = await self._meet()
        await self._read_all(self._cluster)
        self._tell("")

    async def follow(self) -> NoReturn:
        """Take what comes, without an end. What a lost broker raises is told, and tried again."""
        while True:
            try:
                await self._session()
            except (OffsetOutOfRangeError, NoOffsetForPartitionError):
                self._cluster = ""  # records were deleted, or this is another log: it is read anew
            except (KafkaError, OSError, ConfigError, TimeoutError) as error:
                self._tell(" ".join(str(error).split()) or type(error).__name__)
                await asyncio.sleep(AGAIN_S)

    async def text(self, held: HandoffView) -> dict[str, Any]:
        """The handoff in full as it stands, from the log where it is not kept. Raises what Kafka does, TimeoutError."""
        if (found := self.cases.texts.get(held.place)) is None:
            (topic, partition, first), (_, _, last) = held.place, held.latest
            async with asyncio.timeout(PROBE_S_MAX):
                async for record in stretch(self._bootstrap, TopicPartition(topic, partition), first, last + 1):
                    self._read_again(held, record)
            found = self.cases.texts.get(held.place)
        if found is None:
            raise ConfigError(f"{held.record['handoff_id']}: its record is not on the log any more")
        return found

    def _read_again(self, held: HandoffView, record: Any) -> None:
        """One record between the newest revision in full and the newest update."""
        if record.offset == held.place[2]:
            self.cases.texts.put(held.place, record.value)
        elif record.key == held.record["conversation_id"].encode():
            try:
                raw = decode_output(record.value).raw
            except SchemaError:
                return
            if raw["type"] == HANDOFF and raw["data"]["handoff_id"] == held.record["handoff_id"]:
                self.cases.texts.update(held.place, raw["data"])

    async def _session(self) -> NoReturn:
        if (found := await self._meet()) != self._cluster:
            await self._read_all(found)
            self._cluster = found
        async with reading(self._bootstrap, auto_offset_reset="none") as consumer:
            consumer.assign(list(self._next))
            for tp, offset in self._next.items():
                consumer.seek(tp, offset)
            self._tell("")
            probed_s = time.monotonic()
            while True:
                for tp, records in (await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)).items():
                    self._take(tp, records)
                if time.monotonic() - probed_s > PROBE_S:
                    # A consumer says nothing of a broker that is gone: it tries again, for ever.
                    async with asyncio.timeout(PROBE_S_MAX):
                        await consumer.topics()
                    probed_s = time.monotonic()
                    self._forget()

    def _take(self, tp: TopicPartition, records: list[Any]) -> None:
        changed = [_given(self.cases, record) for record in records]
        for held in changed:
            if held is not None and self._forgotten(held, self._cluster):
                self.cases.forget(held)
        self._next[tp] = records[-1].offset + 1
        if any(one is not None for one in changed):
            self.number += 1
            self._changes.notify()

    async def _meet(self) -> str:
        """The cluster's id; where it is a new one, all topics are there afterwards."""
        async with asyncio.timeout(PROBE_S_MAX * 2):
            found = await cluster_id(self._bootstrap)
        if found != self._cluster:
            await ensure_topics(self._bootstrap)
        return found

    async def _read_all(self, cluster: str) -> None:
        cases, found = HandoffIndex(), await partitions(self._bootstrap, FOLLOWED)
        first, last = await beginnings(self._bootstrap, found), await ends(self._bootstrap, found)
        count = 0
        for tp in found:
            if tp.topic in READ:
                async for record in stretch(self._bootstrap, tp, first[tp], last[tp]):
                    _given(cases, record)
                    count += 1
                    if count % TURN == 0:
                        await asyncio.sleep(0)  # pages and streams are served meanwhile
        if self._forgetting is not None:
            self._forgetting.renewed()
        self._leave_out(cases, cluster)
        self.cases, self._next = cases, last
        self.number += 1

    def _forgotten(self, held: HandoffView, cluster: str) -> bool:
        return self._forgetting is not None and self._forgetting.has(cluster, held.record)

    def _leave_out(self, cases: HandoffIndex, cluster: str) -> bool:
        """Whether somebody who was forgotten was among them, and is no more."""
        gone = [held for held in cases.all() if self._forgotten(held, cluster)]
        for held in gone:
            cases.forget(held)
        return bool(gone)

    def _forget(self) -> None:
        """Whoever was forgotten since the last look is gone from the pages too."""
        if self._forgetting is not None and self._forgetting.renewed() and self._leave_out(self.cases, self._cluster):
            self.number += 1
            self._changes.notify()

    def _tell(self, away: str) -> None:
        if bool(away) != bool(self.connection.away):
            self.connection = Connection(away, time.monotonic())
            self._changes.notify()


def _given(cases: HandoffIndex, record: Any) -> HandoffView | None:
    wanted = WANTED.get(record.topic)
    if wanted is not None and wanted not in (record.value or b""):
        return None
    return cases.take((record.topic, record.partition, record.offset), record.key, record.value)
