"""Counters, gauges, waits and health of a sink: for /metrics, /healthz and /readyz."""

import time
from collections import Counter as Count
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from handrail.streams.probe import WAIT_S_MIN, For, ProbeResult, Wait, Waits
from handrail.streams.sink.database import LIVE, SNAPSHOT, connect
from handrail.streams.sink.log_reader import Reader, Records
from handrail.streams.sink.snapshot import Schedule
from handrail.streams.sink.stage import READERS

COMMIT_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SNAPSHOT_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
STUCK_S_MAX = 300.0  # a snapshot copies the whole database, and what is read waits for it
TABLES = (*(table for table, _, _ in READERS.values()), "deadletters", "unreadable")
FILES = {"database": LIVE, "log": f"{LIVE}.wal", "snapshot": SNAPSHOT}
OPEN = "SELECT kind, count(*) FROM handoffs_newest WHERE closed_by IS NULL AND log_cluster = ? GROUP BY kind"

Gauges = Mapping[tuple[str, ...], float]
"""Values by their labels."""


class Counters:
    """Counts since the process started."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, what: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"handrail_sink_{name}", what, buckets=buckets, registry=registry)

        self._rows = Counter("handrail_sink_rows", "Records stored, by their table", ["table"], registry=registry)
        for table in TABLES:  # Prometheus sees no increase in a series that begins with 1
            self._rows.labels(table)
        self._commit = histogram("commit_seconds", "Time to store one batch", COMMIT_S)
        self._snapshot = histogram("snapshot_seconds", "Time to take one snapshot", SNAPSHOT_S)
        self.turned_s = time.monotonic()  # when the log was asked last
        self.under_way: Count[TopicPartition] = Count()  # records read and not stored
        self.storing_s: float | None = None  # since when a batch is being stored
        self.copying_s: float | None = None  # and a snapshot taken
        self.copies = 0
        self.unseen_s: float | None = None  # when the first row was stored that no snapshot has

    def read(self, records: Records) -> None:
        """The log was asked, and gave these."""
        self.turned_s = time.monotonic()
        self.under_way.update({tp: len(fetched) for tp, fetched in records.items()})

    def stored(self, records: Records, lines: Sequence[tuple[str, bytes]], seconds: float) -> None:
        """These records, and the lines they were staged as, are in the database."""
        self._commit.observe(seconds)
        self.under_way.subtract({tp: len(fetched) for tp, fetched in records.items()})
        for table, n in Count(table for table, _ in lines).items():
            self._rows.labels(table).inc(n)
        if self.unseen_s is None:
            self.unseen_s = time.monotonic()

    def copied(self, seconds: float) -> None:
        """A snapshot has all that is stored."""
        self._snapshot.observe(seconds)
        self.copies += 1
        self.unseen_s = None


class SinkGauges(Collector):
    """Gauges of a sink, read at each scrape. `cluster` is the one whose handoffs are counted."""

    def __init__(self, counters: Counters, reader: Reader, data: Path, cluster: str) -> None:
        self._counters, self._reader, self._data, self._cluster = counters, reader, data, cluster
        self._counted = 0  # the last snapshot that was asked
        self._open: Gauges = {}

    def collect(self) -> Iterator[Any]:
        lags = lag(self._reader, self._counters)
        known: Gauges = {(tp.topic, str(tp.partition)): n for tp, n in lags.items() if n is not None}
        yield _gauge("lag_records", "Records appended and not yet stored", known, "topic", "partition")
        unseen_s = self._counters.unseen_s
        age_s = 0.0 if unseen_s is None else time.monotonic() - unseen_s
        yield _gauge("snapshot_age_seconds", "How long rows have been stored that the snapshot lacks", {(): age_s})
        sizes: Gauges = {(name,): _size(self._data / file) for name, file in FILES.items()}
        yield _gauge(
            "database_bytes", "Size of the database, what is logged beside it, and its snapshot", sizes, "file"
        )
        yield _gauge(
            "handoffs_open", "Handoffs that nobody has closed, as the snapshot has them", self._handoffs(), "kind"
        )

    def _handoffs(self) -> Gauges:
        if self._counters.copies != self._counted:
            self._counted = self._counters.copies
            with connect(self._data / SNAPSHOT, read_only=True) as connection:
                self._open = {(kind,): n for kind, n in connection.execute(OPEN, [self._cluster]).fetchall()}
        return self._open


def lag(reader: Reader, counters: Counters) -> dict[TopicPartition, int | None]:
    """Records of each partition that are appended and not stored; None where nothing is known yet."""
    under_way = counters.under_way
    return {tp: None if n is None else n + under_way[tp] for tp, n in reader.unread.items()}


def healthy(counters: Counters) -> ProbeResult:
    """No, where the log has not been asked for STUCK_S_MAX: start the sink again."""
    still_s = time.monotonic() - counters.turned_s
    return ProbeResult(f"nothing read for {still_s:.0f} s: is the disk slow or full?" if still_s > STUCK_S_MAX else "")


def ready(reader: Reader, counters: Counters) -> ProbeResult:
    """Yes, where the schema stands, the log is read, and how far behind it is known."""
    lags = lag(reader, counters)
    unknown = [f"{tp.topic}[{tp.partition}]" for tp, n in sorted(lags.items()) if n is None]
    more = {"partitions": len(lags), "lag_records": sum(n or 0 for n in lags.values())}
    if not lags:
        return ProbeResult("the log is not read yet", more)
    return ProbeResult(f"the end is not known of {', '.join(unknown)}" if unknown else "", more)


def _gauge(name: str, what: str, gauges: Gauges, *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"handrail_sink_{name}", what, labels=labels)
    for values, value in gauges.items():
        family.add_metric(values, value)
    return family


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def waits(reader: Reader, counters: Counters, snapshots: Schedule) -> Waits:
    """What has waited for WAIT_S_MIN or longer: the broker, the disk, or a snapshot for readers of the database.

    While a batch is being stored nothing more is asked of the broker.
    """
    now_s = time.monotonic()
    waiting = dict[str, Wait]()
    if counters.storing_s is not None:
        count = sum(counters.under_way.values())
        waiting["rows"] = _since(counters.storing_s, now_s, "disk", f"{count:,} records are being stored")
    elif counters.copying_s is not None:
        waiting["rows"] = _since(counters.copying_s, now_s, "disk", "the database is being copied for readers")
    else:
        seconds = reader.unanswered_s
        waiting["log"] = Wait("broker", seconds, f"a fetch is not answered for {seconds:.0f} s")
    if snapshots.blocked_s is not None:
        detail = "live queries keep a snapshot from being taken"
        waiting["snapshot"] = _since(snapshots.blocked_s, now_s, "readers", detail)
    return {who: wait for who, wait in waiting.items() if wait.seconds >= WAIT_S_MIN}


def _since(since_s: float, now_s: float, for_: For, detail: str) -> Wait:
    return Wait(for_, now_s - since_s, f"{detail} for {now_s - since_s:.0f} s")
