"""One consumer that keeps the handoffs as the log has them, through lost brokers and new logs."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from handrail.desk.handoff_index import Bounds, HandoffIndex
from handrail.desk.handoff_summary import summary
from handrail.desk.handoff_view import HANDOFF, HandoffView
from handrail.desk.record_cache import RecordCache
from handrail.desk.web.notifier import Notifier
from handrail.schemas.clock import to_ms
from handrail.schemas.decode import decode_output
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.topics import ALERTS, DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.engine.reading import beginnings, ends, partitions, reading, stretch
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.sink.forgotten import FORGOTTEN_FILE, Forgotten
from handrail.streams.sink.log_reader import cluster_id

READ = (HANDOFFS, RESOLUTIONS)  # from their beginning, in this order: claims and answers are of handoffs
FOLLOWED = (*READ, DECISIONS, ALERTS)
# Of the decisions only releases are shown, of the alerts only those of a handoff; the rest is not decoded.
WANTED = {DECISIONS: b'"release"', ALERTS: b'"handoff_id"'}
POLL_MS = 200
RECORDS_MAX = 500
YIELD_EVERY = 200  # records between two turns of others, while the topics are read
PROBE_S, PROBE_S_MAX = 2.0, 5.0
AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Connection:
    """Whether what is shown is what the log has: `away` says why not, empty where it is; `since_s` is monotonic."""

    away: str
    since_s: float


class Follower:
    """`handoffs` is what the log has had so far, `texts` has some of them in full; `changes` gets each change."""

    def __init__(self, bootstrap: str, changes: Notifier, data: Path | None = None) -> None:
        """`data`: the sink's folder, whose file says who was forgotten."""
        self._bootstrap, self._changes = bootstrap, changes
        self._forgetting = None if data is None else ForgottenCustomers(data)
        self._cluster = ""
        self._next: dict[TopicPartition, int] = {}
        self.texts = RecordCache()
        self.handoffs = HandoffIndex(summary, Bounds(), self.texts)
        self.number = 0  # of the changes of the handoffs
        self.connection = Connection("the log has not been read yet", time.monotonic())

    async def begin(self) -> None:
        """Read the topics to their ends. Raises ConfigError where the broker is not there."""
        self._cluster = await self._connect()
        await self._read_all(self._cluster)
        self._set_away("")

    async def follow(self) -> NoReturn:
        """Fold what comes, without an end. What a lost broker raises is shown as `away`, and tried again."""
        while True:
            try:
                await self._session()
            except (OffsetOutOfRangeError, NoOffsetForPartitionError):
                self._cluster = ""  # records were deleted, or this is another log: it is read anew
            except (KafkaError, OSError, ConfigError, TimeoutError) as error:
                self._set_away(" ".join(str(error).split()) or type(error).__name__)
                await asyncio.sleep(AGAIN_S)

    async def text(self, handoff: HandoffView) -> dict[str, Any]:
        """The handoff in full as it stands, cached or from the log. Raises what Kafka does, TimeoutError."""
        texts = self.texts
        if (text := texts.get(handoff.place)) is not None:
            return text
        (topic, partition, first), (_, _, last) = handoff.place, handoff.latest
        async with asyncio.timeout(PROBE_S_MAX):
            async for record in stretch(self._bootstrap, TopicPartition(topic, partition), first, last + 1):
                _cache(texts, handoff, record)
        text, current = texts.get(handoff.place), self.handoffs.get(handoff.id)
        if current is None or current.latest != handoff.latest:
            texts.drop(handoff.place)  # it has changed meanwhile: it is read anew the next time
        if text is None:
            raise ConfigError(f"{handoff.id}: its record is not on the log any more")
        return text

    async def _session(self) -> NoReturn:
        if (cluster := await self._connect()) != self._cluster:
            await self._read_all(cluster)
            self._cluster = cluster
        async with reading(self._bootstrap, auto_offset_reset="none") as consumer:
            consumer.assign(list(self._next))
            for tp, offset in self._next.items():
                consumer.seek(tp, offset)
            self._set_away("")
            probed_s = time.monotonic()
            while True:
                for tp, records in (await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)).items():
                    self._take(tp, records)
                if time.monotonic() - probed_s > PROBE_S:
                    # A consumer says nothing of a broker that is gone: it tries again, for ever.
                    async with asyncio.timeout(PROBE_S_MAX):
                        await consumer.topics()
                    probed_s = time.monotonic()
                    self._check_forgotten()

    def _take(self, tp: TopicPartition, records: list[Any]) -> None:
        changed = [_fold(self.handoffs, record) for record in records]
        for handoff in changed:
            if handoff is not None and self._is_forgotten(handoff, self._cluster):
                self.handoffs.forget(handoff)
        self._next[tp] = records[-1].offset + 1
        if any(handoff is not None for handoff in changed):
            self.number += 1
            self._changes.notify()

    async def _connect(self) -> str:
        """The cluster's id; where it is a new one, all topics are there afterwards."""
        async with asyncio.timeout(PROBE_S_MAX * 2):
            cluster = await cluster_id(self._bootstrap)
        if cluster != self._cluster:
            await ensure_topics(self._bootstrap)
        return cluster

    async def _read_all(self, cluster: str) -> None:
        texts = RecordCache()
        handoffs, tps = HandoffIndex(summary, Bounds(), texts), await partitions(self._bootstrap, FOLLOWED)
        first, last = await beginnings(self._bootstrap, tps), await ends(self._bootstrap, tps)
        count = 0
        for tp in tps:
            if tp.topic in READ:
                async for record in stretch(self._bootstrap, tp, first[tp], last[tp]):
                    _fold(handoffs, record)
                    count += 1
                    if count % YIELD_EVERY == 0:
                        await asyncio.sleep(0)  # pages and streams are served meanwhile
        if self._forgetting is not None:
            self._forgetting.renewed()
        self._remove_forgotten(handoffs, cluster)
        self.handoffs, self.texts, self._next = handoffs, texts, last
        self.number += 1

    def _is_forgotten(self, handoff: HandoffView, cluster: str) -> bool:
        return self._forgetting is not None and self._forgetting.has(cluster, handoff.record)

    def _remove_forgotten(self, handoffs: HandoffIndex, cluster: str) -> bool:
        """Removes the handoffs of forgotten customers; returns whether there were any."""
        gone = [handoff for handoff in handoffs.all() if self._is_forgotten(handoff, cluster)]
        for handoff in gone:
            handoffs.forget(handoff)
        return bool(gone)

    def _check_forgotten(self) -> None:
        """Removes the customers who were forgotten since the last look."""
        renewed = self._forgetting is not None and self._forgetting.renewed()
        if renewed and self._remove_forgotten(self.handoffs, self._cluster):
            self.number += 1
            self._changes.notify()

    def _set_away(self, away: str) -> None:
        if bool(away) != bool(self.connection.away):
            self.connection = Connection(away, time.monotonic())
            self._changes.notify()


def _cache(texts: RecordCache, handoff: HandoffView, record: Any) -> None:
    """One record between the newest revision in full and the newest update."""
    if record.offset == handoff.place[2]:
        texts.put(handoff.place, record.value)
    elif record.key == handoff.conversation_id.encode():
        try:
            event = decode_output(record.value).raw
        except SchemaError:
            return
        if event["type"] == HANDOFF and event["data"]["handoff_id"] == handoff.id:
            texts.update(handoff.place, event["data"])


def _fold(handoffs: HandoffIndex, record: Any) -> HandoffView | None:
    wanted = WANTED.get(record.topic)
    if wanted is not None and wanted not in (record.value or b""):
        return None
    return handoffs.take((record.topic, record.partition, record.offset), record.key, record.value)


class ForgottenCustomers:
    """The customers whom the file in the sink's data folder names, as digests."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stamp, self._forgotten = folder, (0, 0), Forgotten()

    def renewed(self) -> bool:
        """Reads the file where it has changed since the last time; returns whether it has."""
        try:
            status = (self._folder / FORGOTTEN_FILE).stat()
        except OSError:
            return False
        if (stamp := (status.st_mtime_ns, status.st_ino)) == self._stamp:
            return False
        self._stamp, self._forgotten = stamp, Forgotten.read(self._folder)
        return True

    def has(self, cluster: str, record: dict[str, Any]) -> bool:
        """Whether this handoff is of somebody who was forgotten."""
        if not self._forgotten:
            return False
        if self._forgotten.has(cluster, record["conversation_id"]):
            return True
        ref = record["customer"].get("ref")
        return ref is not None and self._forgotten.names(str(ref), record["tenant"], to_ms(record["opened_at"]))
