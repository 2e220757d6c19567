"""Which records of a partition of `agent.events.v1` an export needs, so that its fold decides the same. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, field

import orjson

from handrail.audit.begin import begin_of
from handrail.audit.decided import read
from handrail.audit.exported import line_of
from handrail.audit.folding import Rules
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.errors import FoldError
from handrail.schemas.event_types import POLICIES_ACTIVATED, TICK
from handrail.schemas.partitioner import partition_of
from handrail.schemas.record import Record
from handrail.streams.governor.batch import UnknownBundle

SOURCE = "/handrail/export"


@dataclass(slots=True)
class Taken:
    """What was exported and what was not: `refused` were dead letters for the worker, `unreadable` are no JSON.

    `broken` tells where the code of the fold failed: what is behind is exported without ticks.
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
    the place of the first record there is always a line, so that whoever has the file knows where the log began.
    """

    def __init__(self, partition: int, rules: Rules, wanted: Collection[str] | None, taken: Taken) -> None:
        self._partition, self._partitions, self._wanted, self._taken = partition, rules.partitions, wanted, taken
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
        line = line_of(record.value, record.partition, record.offset, self._clock_ms)
        if line is None:
            self._taken.unreadable += 1
            return self._tick(record)
        if not self._comes_in(record):
            self._taken.refused += 1
            return self._tick(record)
        self._count(record)
        self._folded(record)
        return line

    def _concerns(self, record: Record) -> bool:
        return self._keys is None or record.key in self._keys or record.key == CONTROL_KEY.encode()

    def _comes_in(self, record: Record) -> bool:
        """False for what a worker refuses for its key or partition, which a line of a file does not show."""
        subject = (read(record.value) or {}).get("subject")
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
            "source": SOURCE,
            "type": TICK,
            "subject": CONTROL_KEY,
            "time": to_rfc3339(self._clock_ms),
            "datacontenttype": "application/json",
            "data": {"issuer": SOURCE},
        }
        value = orjson.dumps(event)
        self._taken.ticks += 1
        self._folded(Record(record.topic, record.partition, record.offset, self._clock_ms, CONTROL_KEY.encode(), value))
        line = line_of(value, record.partition, record.offset, self._clock_ms)
        assert line is not None
        return line

    def _count(self, record: Record) -> None:
        event = read(record.value) or {}
        if record.key == CONTROL_KEY.encode():
            self._taken.controls += 1
            if event.get("type") == POLICIES_ACTIVATED and isinstance(event.get("data"), dict):
                self._taken.rulesets[str(event["data"].get("ruleset"))] = None
            elif self._first and not self._began and (data := begin_of(record.value, record.offset, self._first)):
                self._began = True
                self._taken.rulesets[str(data["state"].get("ruleset"))] = None
        else:
            self._taken.records += 1
            if self._wanted is not None:
                self._taken.conversations.add(event["subject"])

    def _folded(self, record: Record) -> None:
        """Follow the conversations' deadlines; without its bundle nobody can."""
        if self._fold is None:
            return
        try:
            self._fold.fold([record])
        except UnknownBundle as unknown:
            self._taken.unknown.add(unknown.ruleset)
        except FoldError as broken:  # what a worker has stopped at is exported too, to be replayed
            self._taken.broken.append(broken)
            self._fold = None
