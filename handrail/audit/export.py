"""Records out of the topics, as lines that `handrail replay` and `handrail verify` take."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
from aiokafka import TopicPartition

from handrail.audit import live
from handrail.audit.beginning import parse_snapshot
from handrail.audit.decision_records import exported_line, parse_event
from handrail.audit.rules import Rules, write_bundles
from handrail.kafka.reachable import reachable
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.errors import ConfigError, FoldError
from handrail.schemas.event_types import POLICIES_ACTIVATED, TICK
from handrail.schemas.partitioner import partition_of
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.fetch import record_of
from handrail.streams.engine.reading import beginnings, ends, partitions, scan, stretch
from handrail.streams.governor.batch import UnknownBundle

TICK_SOURCE = "/handrail/export"


@dataclass(slots=True)
class ExportCounts:
    """Counts of an export: `refused` records were dead letters for the worker, `unreadable` ones are no JSON.

    `broken` has the errors of the fold's code: records after one are exported without ticks.
    """

    records: int = 0
    controls: int = 0
    ticks: int = 0
    unreadable: int = 0
    refused: int = 0
    conversations: set[str] = field(default_factory=set)
    rulesets: dict[str, None] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    broken: list[FoldError] = field(default_factory=list)


class Selection:
    """The records of one partition go in, in their order; lines of the export come out.

    `wanted` None takes all conversations. Beside the conversations it takes the control records, and it puts a tick in
    the place of another record where that one let a deadline pass: time that came with it is all that it changed. In
    the place of the first record there is always a line, so that the file says where the log began.
    """

    def __init__(self, partition: int, rules: Rules, wanted: Collection[str] | None, counts: ExportCounts) -> None:
        self._partition, self._partitions, self._wanted, self._counts = partition, rules.partitions, wanted, counts
        self._keys = None if wanted is None else {name.encode() for name in wanted}
        self._fold = None if wanted is None else rules.fold(partition)
        self._clock_ms = 0
        self._first = -1  # the first offset that the partition still has
        self._began = False  # a snapshot at which a fold can begin has passed

    def line(self, record: Record) -> bytes | None:
        """The record's line, that of a tick in its place, or None."""
        self._clock_ms = max(self._clock_ms, record.timestamp_ms)
        begins, self._first = self._first < 0, record.offset if self._first < 0 else self._first
        if not self._concerns(record):
            return self._tick(record) if begins or self._due() else None
        line = exported_line(record.value, record.partition, record.offset, self._clock_ms)
        if line is None:
            self._counts.unreadable += 1
            return self._tick(record)
        if not self._comes_in(record):
            self._counts.refused += 1
            return self._tick(record)
        self._count(record)
        self._folded(record)
        return line

    def _concerns(self, record: Record) -> bool:
        return self._keys is None or record.key in self._keys or record.key == CONTROL_KEY.encode()

    def _comes_in(self, record: Record) -> bool:
        """False for what a worker refuses for its key or partition, which a line of a file does not show."""
        subject = (parse_event(record.value) or {}).get("subject")
        if not isinstance(subject, str) or record.key != subject.encode(errors="replace"):
            return False
        count = self._partitions
        return subject == CONTROL_KEY or count is None or partition_of(record.key, count) == self._partition

    def _due(self) -> bool:
        due = self._fold.agenda.next_ms if self._fold is not None else None
        return due is not None and due <= self._clock_ms

    def _tick(self, record: Record) -> bytes:
        """Time passes, at the place of this record."""
        event = {
            "specversion": "1.0",
            "id": f"{record.partition}/{record.offset}",
            "source": TICK_SOURCE,
            "type": TICK,
            "subject": CONTROL_KEY,
            "time": to_rfc3339(self._clock_ms),
            "datacontenttype": "application/json",
            "data": {"issuer": TICK_SOURCE},
        }
        value = orjson.dumps(event)
        self._counts.ticks += 1
        self._folded(Record(record.topic, record.partition, record.offset, self._clock_ms, CONTROL_KEY.encode(), value))
        line = exported_line(value, record.partition, record.offset, self._clock_ms)
        assert line is not None
        return line

    def _count(self, record: Record) -> None:
        event = parse_event(record.value) or {}
        if record.key == CONTROL_KEY.encode():
            self._counts.controls += 1
            if event.get("type") == POLICIES_ACTIVATED and isinstance(event.get("data"), dict):
                self._counts.rulesets[str(event["data"].get("ruleset"))] = None
            elif self._first and not self._began and (data := parse_snapshot(record.value, record.offset, self._first)):
                self._began = True
                self._counts.rulesets[str(data["state"].get("ruleset"))] = None
        else:
            self._counts.records += 1
            if self._wanted is not None:
                self._counts.conversations.add(event["subject"])

    def _folded(self, record: Record) -> None:
        """Follow the deadlines of the conversations; that needs the bundle."""
        if self._fold is None:
            return
        try:
            self._fold.fold([record])
        except UnknownBundle as unknown:
            self._counts.unknown.add(unknown.ruleset)
        except FoldError as error:  # a record that stopped the worker is exported too, to be replayed
            self._counts.broken.append(error)
            self._fold = None


class Export:
    """One export: `lines` yields it line by line, and `counts` are its counts afterwards.

    `wanted` None is every conversation. `cut` names the partitions whose beginning is gone.
    """

    def __init__(self, bootstrap: str, wanted: Collection[str] | None) -> None:
        self.counts = ExportCounts()
        self.cut: dict[int, int] = {}
        self._bootstrap, self._wanted = bootstrap, wanted

    async def lines(self, topic: str) -> AsyncIterator[bytes]:
        """Each record of the conversations, partition by partition. Raises ConfigError."""
        with reachable(self._bootstrap):
            await self._check(topic)
            async for line in self._events() if topic == AGENT_EVENTS else self._records(topic):
                yield line

    async def write_bundles(self, folder: Path) -> list[Path]:
        """Every bundle that the exported records activate is in the folder. Raises ConfigError."""
        published = (await live.published_rules(self._bootstrap, 0)).bundles
        if missing := [ruleset for ruleset in self.counts.rulesets if ruleset not in published]:
            raise ConfigError(f"broker {self._bootstrap}: no bundle {missing[0]}, which was active: publish it again")
        return write_bundles(folder, (published[ruleset] for ruleset in self.counts.rulesets))

    async def _check(self, topic: str) -> None:
        if not await partitions(self._bootstrap, [topic]):
            raise ConfigError(f"broker {self._bootstrap}: no topic {topic}: give the address of a Kafka it is on")

    async def _events(self) -> AsyncIterator[bytes]:
        partitions_wanted = await partitions(self._bootstrap, [AGENT_EVENTS])
        rules = await live.published_rules(self._bootstrap, len(partitions_wanted))
        if self._wanted is not None:  # elsewhere, a worker refuses them
            numbers = {partition_of(name.encode(), len(partitions_wanted)) for name in self._wanted}
            partitions_wanted = [tp for tp in partitions_wanted if tp.partition in numbers]
        first, last = (
            await beginnings(self._bootstrap, partitions_wanted),
            await ends(self._bootstrap, partitions_wanted),
        )
        self.cut = {tp.partition: offset for tp, offset in first.items() if offset > 0}
        rules = replace(rules, begins=await self._begins(rules, first, last))
        for tp in partitions_wanted:
            selection = Selection(tp.partition, rules, self._wanted, self.counts)
            async for record in stretch(self._bootstrap, tp, first[tp], last[tp]):
                if (line := selection.line(record_of(record))) is not None:
                    yield line

    async def _begins(
        self, rules: Rules, first: Mapping[TopicPartition, int], last: Mapping[TopicPartition, int]
    ) -> dict[int, Mapping[str, Any]]:
        """The snapshot to follow the deadlines of single conversations from, in partitions whose beginning is gone."""
        snapshots: dict[int, Mapping[str, Any]] = {}
        for tp, offset in first.items() if self._wanted is not None else ():
            data = await live.first_snapshot(self._bootstrap, tp, offset, last[tp]) if offset > 0 else None
            if data is not None and data["state"].get("ruleset") in rules.bundles:
                snapshots[tp.partition] = data
        return snapshots

    async def _records(self, topic: str) -> AsyncIterator[bytes]:
        keys = None if self._wanted is None else {name.encode() for name in self._wanted}
        async for record in scan(self._bootstrap, [topic]):
            if keys is not None and record.key not in keys:
                continue
            line = exported_line(record.value, record.partition, record.offset, record.timestamp)
            if line is None:
                self.counts.unreadable += 1
                continue
            self.counts.records += 1
            if keys is not None:
                self.counts.conversations.add(record.key.decode())
            yield line
