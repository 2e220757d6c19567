"""The fold of one partition: records in, outputs and states out. Pure: no clock, no IO, no randomness.

Everything that decides is in the records and the bundles they name, so the same log gives the same outputs, however
it is cut into batches and wherever a worker was killed in between.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from handrail.schemas.record import Output, Record, StateWrite, Supervision
from handrail.streams.governor import capacity, snapshot, state, trust
from handrail.streams.governor.batch import Batch
from handrail.streams.governor.partition_memory import PartitionMemory
from handrail.streams.governor.state import REMAINS_MS
from handrail.streams.governor.timers import Due

LATE_MS = 600_000  # where nothing else happens, what is forgotten leaves the states so much later: many at a time
SWEEP_MAX = 500  # conversations that leave with one batch because they were idle: the others with the next ones


@dataclass(slots=True)
class Folded:
    """What one batch came to: to be produced in this order, each acknowledged before the next."""

    outputs: list[Output] = field(default_factory=list)
    supervisions: list[Supervision] = field(default_factory=list)
    states: list[StateWrite] = field(default_factory=list)
    partition_state: StateWrite | None = None
    types: dict[str, int] = field(default_factory=dict, repr=False)  # how many records of each type could be read


class PartitionFold(PartitionMemory):
    """The fold over one partition's log."""

    @property
    def ruleset(self) -> str:
        """The active bundle; empty before the first activation."""
        return self._state.ruleset

    @property
    def keys(self) -> trust.Keys:
        """The keys whose signatures count, by their ids; none where nothing is signed."""
        return trust.keys_of(self._state, self.bundles.get(self._state.ruleset, self.fallback))

    @property
    def sequence_floor(self) -> int:
        """The number that the first control record of a new issuer has to be above."""
        return self._state.sequence_floor

    def snapshot(self, now_ms: int) -> dict[str, Any] | None:
        """The data of a snapshot of the partition's own state; None where none is due."""
        return snapshot.snapshot_data(self._state) if snapshot.due(self._state, now_ms) else None

    def room(self) -> dict[str, Any] | None:
        """The data of the record that keeps the partition within its bound; None where none is due."""
        bound = self.bundles.get(self._state.ruleset, self.fallback).remembered
        first = self.idle.first
        if first is not None and first[1] <= self._state.idle_floor_ms:
            return None  # the last ones are still leaving
        return capacity.due_record(self.memory, (self.remains, self.idle), self._state, bound)

    @property
    def next_ms(self) -> int | None:
        """The log time at which time alone changes something, None where it does not."""
        due, first = self.agenda.next_ms, self.idle.first
        times = [] if due is None else [due]
        if first is not None:
            idle_s = self.bundles.get(self._state.ruleset, self.fallback).remembered.idle_s
            times.append(first[1] + idle_s * 1000 + LATE_MS)
        if self.memory.leaving:
            times.append(self._state.clock_ms + LATE_MS)
        return min(times, default=None)

    def begin(self, data: dict[str, Any]) -> None:
        """Begin where a snapshot was taken; conversations from before it are not known. Raises ValidationError."""
        self._state = snapshot.restored(data)

    # --- folding

    def fold(self, records: Sequence[Record]) -> Folded:
        """Fold records in the order of the log; those at or below `position` are skipped.

        Raises UnknownBundle, and FoldError where the code fails on a record; then nothing has changed.
        """
        batch = Batch(self, copy(self._state))
        try:
            for record in records:
                if record.offset > batch.state.position:
                    batch.record(record)
        except BaseException:
            self._postpone(batch.settled)
            raise
        before, self._state = self._state.position, batch.state
        self._sweep(batch, before)
        states = self.memory.commit(batch.touched, batch.forgotten, batch.state.position, batch.resting)
        self._keep_left(batch.resting)
        self._postpone(batch.postponed)
        return Folded(batch.outputs, batch.supervisions, states, self._partition_write(), batch.types)

    def _sweep(self, batch: Batch, before: int) -> None:
        """Take what is over out of the memory, in a later batch than the one that touched it last.

        When it leaves changes nothing: by the clock it was forgotten already.
        """
        for name, conversation in batch.touched.items():
            self.idle.touch(name, conversation.head.updated_ms)
            self.remains.drop(name)
        for name in (*batch.forgotten, *batch.resting):
            self.idle.drop(name)
            self.remains.drop(name)
        for _ in range(SWEEP_MAX):
            if not self._take_idle(batch, before) and not self._take_left(batch):
                return

    def _take_idle(self, batch: Batch, before: int) -> bool:
        """The one that has been silent longest, if that is too long; whether it was."""
        first = self.idle.first
        if first is None or not batch.silent(first[1]) or first[0] in batch.touched:
            return False
        head = self.memory.head(first[0])
        if head is not None and head.position > before:
            return False
        self.idle.drop(first[0])
        if head is not None:
            batch.leave(first[0], head)
        return True

    def _take_left(self, batch: Batch) -> bool:
        """The same of what is left of others."""
        first = self.remains.first
        if first is None or (first[1] + REMAINS_MS > batch.state.clock_ms and first[1] > batch.state.room_ms):
            return False
        self.remains.drop(first[0])
        if (head := self.memory.head(first[0])) is not None:
            batch.leave(first[0], head)
        return True

    def _keep_left(self, resting: Iterable[str]) -> None:
        for name in resting:
            head = self.memory.head(name)
            if head is not None and not state.holds(head):
                self.remains.touch(name, head.updated_ms)

    def _postpone(self, deadlines: list[Due]) -> None:
        for due in deadlines:
            self.agenda.put(due)
