"""Judges each day once, when it is over, and publishes the alerts.

A day is over by the log's time: its clock is past midnight, every partition is read that far, and every query of the
day has been decided or refused. What is judged is what is stored then; later data changes `drift_daily`, no alert.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import duckdb
import orjson
from aiokafka.errors import KafkaError

from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.errors import SinkError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, ALERTS
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.quality import report
from handrail.streams.quality.baseline import Baseline, baseline_of
from handrail.streams.quality.record import AgentRecord, Bin
from handrail.streams.quality.report import EPOCH, Subject, start_of
from handrail.streams.quality.scissors import window
from handrail.streams.quality.shift import Shift
from handrail.streams.quality.verdict import Episode, Key, Verdict, verdicts
from handrail.streams.sink.log_reader import Reader, Records
from handrail.streams.sink.store import Store

SOURCE = "/handrail/sink"
GRACE = timedelta(hours=1)  # clocks of brokers differ, and the last fetch of a quiet partition is a moment old
EXAMPLES_MAX = 5
CLOCKS = """
    WITH answered AS (
        SELECT event_partition AS log_partition, max(event_offset) AS upto
        FROM decisions WHERE log_cluster = $cluster GROUP BY ALL
        UNION ALL
        SELECT from_partition, max(from_offset)
        FROM deadletters WHERE log_cluster = $cluster AND from_topic = $topic GROUP BY ALL
    ),
    governed AS (SELECT log_partition, max(upto) AS upto FROM answered GROUP BY ALL)
    SELECT
        log_partition, max(log_time) AS newest,
        min(log_time) FILTER (type = 'handrail.query.received.v1' AND log_offset > coalesce(upto, -1)) AS waiting
    FROM events LEFT JOIN governed USING (log_partition)
    WHERE log_cluster = $cluster AND log_time >= $since AND type NOT LIKE 'handrail.control.%'
    GROUP BY ALL
"""
BINS = """
    SELECT tenant, agent_id, day, measure, bin, n, CAST(total AS DOUBLE)
    FROM drift_bins WHERE log_cluster = $cluster AND day < $until ORDER BY ALL
"""
BASELINES = "SELECT agent_id, baseline_from, baseline_to FROM baselines_set WHERE log_cluster = $cluster"
EPISODES = """
    SELECT tenant, agent_id, kind, measure, baseline_from, baseline_to, quiet_days
    FROM drift_verdicts WHERE log_cluster = $cluster
    QUALIFY row_number() OVER (
        PARTITION BY tenant, agent_id, kind, measure, baseline_from, baseline_to ORDER BY day DESC
    ) = 1
"""
UNSENT = "SELECT subject, record FROM alerts_unsent WHERE log_cluster = $cluster ORDER BY record"
JUDGED_TO = "SELECT judged_to FROM drift_progress WHERE log_cluster = $cluster"
WORST = """
    SELECT conversation_id FROM conversations
    WHERE
        log_cluster = $cluster AND tenant = $tenant AND agent_id = $agent_id
        AND started_at >= $first AND started_at < $end AND handled_by <> 'human'
    ORDER BY csat NULLS LAST, verified_resolved, started_at DESC, conversation_id LIMIT $most
"""
OF_A_BIN = """
    SELECT DISTINCT conversation_id FROM drift_rows
    WHERE
        log_cluster = $cluster AND tenant = $tenant AND agent_id = $agent_id AND day = $day AND measure = $measure
        AND bin = $bin
    ORDER BY conversation_id LIMIT $most
"""


class DriftWatch:
    """Looks at what is stored each time that a day may be over. `cluster` is the one whose log is read."""

    def __init__(self, store: Store, cluster: str, bootstrap: str, reader: Reader) -> None:
        self._store, self._cluster, self._bootstrap, self._reader = store, cluster, bootstrap, reader
        row = store.cursor().execute(JUDGED_TO, {"cluster": cluster}).fetchone()
        self._judged_to: date | None = row[0] if row else None
        self._unsent = True  # as far as is known

    def lagging(self) -> frozenset[int]:
        """The partitions of events of which more is on the log than was read. Ask it right after a read."""
        return frozenset(tp.partition for tp, n in self._reader.unread.items() if tp.topic == AGENT_EVENTS and n != 0)

    async def look(self, records: Records, lagging: frozenset[int]) -> None:
        """Judges the days that are over and publishes alerts, after these records were stored.

        Raises SinkError where the database refuses, or the broker for good.
        """
        try:
            if self._may_be_over(records):
                await asyncio.to_thread(self._judge, lagging)
            if self._unsent:
                await self._send()
        except duckdb.Error as error:
            raise SinkError(f"sink: {self._store.path}: drift: {' '.join(str(error).split())[:500]}") from error

    def _may_be_over(self, records: Records) -> bool:
        newest_ms = max((record.timestamp for fetched in records.values() for record in fetched), default=0)
        newest = datetime.fromtimestamp(newest_ms / 1000, UTC)
        return self._judged_to is None or _day_of(newest - GRACE) > self._judged_to

    def _judge(self, lagging: frozenset[int]) -> None:
        with self._store.cursor() as cursor:
            until = over(cursor, self._cluster, self._judged_to, lagging)
            if until is None or (self._judged_to is not None and until <= self._judged_to):
                return
            judged = list(verdicts_of_days(cursor, self._cluster, self._judged_to, until))
            alerts = [alert_of(cursor, self._cluster, verdict) for verdict in judged if verdict.begins]
            store_verdicts(cursor, self._cluster, judged, alerts, until)
        self._judged_to = until
        self._unsent = self._unsent or bool(alerts)

    async def _send(self) -> None:
        with self._store.cursor() as cursor:
            unsent = cursor.execute(UNSENT, {"cluster": self._cluster}).fetchall()
            try:
                await send(self._bootstrap, unsent)
            except KafkaError as error:
                if error.retriable:  # a broker that is away comes back, and records with it
                    return
                raise SinkError(f"sink: broker {self._bootstrap}: {error}: may this client write {ALERTS}?") from error
            cursor.execute("DELETE FROM alerts_unsent WHERE log_cluster = ?", [self._cluster])
        self._unsent = False


async def send(bootstrap: str, alerts: Sequence[tuple[str, str]]) -> None:
    """Each (subject, record) is on the alerts' topic when this returns."""
    if not alerts:
        return
    async with Producer(bootstrap) as producer:
        partitions = await producer.partitions(ALERTS)
        for subject, record in alerts:
            key = subject.encode()
            await producer.write(ALERTS, partition_of(key, partitions), [Row(key, record.encode(), CLOUDEVENT)])


def over(
    connection: duckdb.DuckDBPyConnection, cluster: str, since: date | None, lagging: frozenset[int]
) -> date | None:
    """Days before this one are over; None where that is not known of any."""
    asked = {"cluster": cluster, "topic": AGENT_EVENTS, "since": start_of(since or EPOCH)}
    clocks = {number: times for number, *times in connection.execute(CLOCKS, asked).fetchall()}
    if not clocks or not lagging <= clocks.keys():
        return None
    limits = [max(newest for newest, _ in clocks.values()) - GRACE]
    limits += [clocks[number][0] for number in lagging]
    limits += [waiting for _, waiting in clocks.values() if waiting is not None]
    return _day_of(min(limits))


def verdicts_of_days(
    connection: duckdb.DuckDBPyConnection, cluster: str, since: date | None, until: date
) -> Iterator[Verdict]:
    """The verdict of each detector on each day from `since` (None: the first there is) up to, and without, `until`."""
    named = {"cluster": cluster}
    chosen = {agent: Baseline(*days) for agent, *days in connection.execute(BASELINES, named).fetchall()}
    episodes: dict[Key, Episode] = {
        (tenant, agent_id, kind, measure, Baseline(first, end)): Episode(quiet_days)
        for tenant, agent_id, kind, measure, first, end, quiet_days in connection.execute(EPISODES, named).fetchall()
    }
    rows = connection.execute(BINS, {**named, "until": until}).fetchall()
    for (tenant, agent_id), bins in groupby(rows, key=lambda row: row[:2]):
        record = AgentRecord.of(Bin(*row[2:]) for row in bins)
        baseline = baseline_of(record.first, chosen.get(agent_id))
        first = max(baseline.end, since or baseline.end)
        for number in range((until - first).days):
            subject = Subject(tenant, agent_id, baseline, first + timedelta(days=number))
            for verdict in verdicts(record, subject, episodes):
                episodes[verdict.key] = verdict.episode
                yield verdict


def alert_of(connection: duckdb.DuckDBPyConnection, cluster: str, verdict: Verdict) -> tuple[str, str]:
    """(subject, record) of the alert with which an episode begins."""
    of, finding = verdict.subject, verdict.finding
    named = {"cluster": cluster, "tenant": of.tenant, "agent_id": of.agent_id, "most": EXAMPLES_MAX}
    if isinstance(finding, Shift):
        named |= {"day": of.day, "measure": verdict.measure, "bin": next(iter(finding.parts))}
        data = report.drift(of, verdict.measure, finding, _names(connection, OF_A_BIN, named))
    else:
        named |= {"first": start_of(window(of.baseline, of.day)), "end": start_of(of.day + timedelta(days=1))}
        data = report.divergence(of, finding, _names(connection, WORST, named))
    record = {
        "specversion": "1.0",
        "id": data["alert_id"],
        "source": SOURCE,
        "type": "handrail.alert.v1",
        "subject": of.agent_id,
        "time": data["to"],
        "datacontenttype": "application/json",
        "data": data,
    }
    return of.agent_id, orjson.dumps(record).decode()


def _names(connection: duckdb.DuckDBPyConnection, asked: str, named: Mapping[str, Any]) -> list[str]:
    return [name for (name,) in connection.execute(asked, named).fetchall()]


def store_verdicts(
    connection: duckdb.DuckDBPyConnection,
    cluster: str,
    judged: Sequence[Verdict],
    alerts: Sequence[tuple[str, str]],
    until: date,
) -> None:
    """The verdicts are stored, the alerts are to be sent, and days before `until` are judged; or nothing of it."""
    rows = [_row(cluster, verdict) for verdict in judged]
    unsent = [{"log_cluster": cluster, "subject": subject, "record": record} for subject, record in alerts]
    connection.begin()
    try:
        for table, new in (("drift_verdicts", rows), ("alerts_unsent", unsent)):
            if new:
                connection.execute(f"INSERT INTO {table} BY NAME SELECT unnest(?, recursive := true)", [new])
        connection.execute(
            "INSERT INTO drift_progress VALUES (?, ?) ON CONFLICT DO UPDATE SET judged_to = excluded.judged_to",
            [cluster, until],
        )
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _row(cluster: str, verdict: Verdict) -> dict[str, Any]:
    of = verdict.subject
    return {
        "log_cluster": cluster,
        "day": of.day,
        "tenant": of.tenant,
        "agent_id": of.agent_id,
        "kind": verdict.kind,
        "measure": verdict.measure,
        "baseline_from": of.baseline.first,
        "baseline_to": of.baseline.end,
        "alarm": verdict.finding.alarm,
        "quiet_days": verdict.episode.quiet_days,
    }


def _day_of(time: datetime) -> date:
    return time.astimezone(UTC).date()
