"""The fold of one partition: records in, outputs and states out. Pure: no clock, no IO, no randomness.

Everything that decides is in the records and the bundles they name, so the same log gives the same outputs, however
it is cut into batches and wherever a worker was killed in between.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from handrail.policies import Bundle, load_bundle
from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.record import Output, Record, StateWrite
from handrail.streams.governor import deadletters, deadlines, resolutions, state
from handrail.streams.governor.agenda import Agenda, Due
from handrail.streams.governor.case import Case
from handrail.streams.governor.controls import ACTIVATED, CONTROLS, GRANT, RESOLUTION
from handrail.streams.governor.events import AFTERWARDS
from handrail.streams.governor.memory import Memory
from handrail.streams.governor.state import PARTITION_KEY, Conversation, PartitionState
from handrail.streams.governor.step import Conflict, conflict, step, turn_of

CONTROL_KEY = "control"


class UnknownBundle(Exception):
    """A record activates a bundle that was not handed to the fold; nothing has changed."""

    def __init__(self, ruleset: str) -> None:
        self.ruleset = ruleset
        super().__init__(f"bundle {ruleset} is activated but not known")


@dataclass(slots=True)
class Folded:
    """What one batch came to: to be produced in this order, each acknowledged before the next."""

    outputs: list[Output] = field(default_factory=list)
    states: list[StateWrite] = field(default_factory=list)
    partition_state: StateWrite | None = None


class PartitionFold:
    """All conversations of one partition, and the fold over its log.

    `partitions` is the topic's partition count, None where keys need not be checked against it. `ruleset` is active
    from the start; before the first activation everything is blocked.
    """

    def __init__(
        self, partition: int, partitions: int | None, bundles: Mapping[str, Bundle], ruleset: str = ""
    ) -> None:
        self.number, self.partitions = partition, partitions
        self.bundles, self.fallback = bundles, load_bundle(None)
        self.memory, self.agenda = Memory(), Agenda()
        self._state = PartitionState(ruleset=ruleset)
        self._loaded: dict[bytes, int] = {}

    # --- recovery

    def load(self, key: bytes, value: bytes | None, position: int) -> None:
        """One record of the changelog. The highest position of a key wins, whatever order they come in."""
        if self._loaded.get(key, -1) > position:
            return
        self._loaded[key] = position
        if key != PARTITION_KEY:
            self.memory.load(key, value)
        elif value is not None:
            self._state = state.decode_partition(value)

    def recovered(self) -> None:
        """After the last `load`: deadlines are known again."""
        self._loaded.clear()
        self.agenda = Agenda()
        for name, head in self.memory.recovered():
            self.agenda.schedule(name, head)

    def stored(self, key: bytes) -> StateWrite | None:
        """What this fold holds for a key of the changelog, as a write; None where it holds nothing."""
        return self._partition_write() if key == PARTITION_KEY else self.memory.stored(key)

    # --- what the owner asks

    @property
    def position(self) -> int:
        """The last offset that is folded; -1 at first."""
        return self._state.position

    @property
    def ruleset(self) -> str:
        """The active bundle; empty before the first activation."""
        return self._state.ruleset

    # --- folding

    def fold(self, records: Sequence[Record]) -> Folded:
        """Fold records in the order of the log; those at or below `position` are skipped.

        Raises UnknownBundle before anything has changed.
        """
        batch = Batch(self, copy(self._state))
        try:
            for record in records:
                if record.offset > batch.state.position:
                    batch.record(record)
        except UnknownBundle:
            self._postpone(batch.settled)
            raise
        self._state = batch.state
        states = self.memory.commit(batch.touched, batch.forgotten, batch.state.position)
        self._postpone(batch.postponed)
        return Folded(batch.outputs, states, self._partition_write())

    def _partition_write(self) -> StateWrite:
        return StateWrite(PARTITION_KEY, state.encode(self._state), self._state.position)

    def _postpone(self, deadlines: list[Due]) -> None:
        for due in deadlines:
            self.agenda.put(due)


class Batch:
    """The overlay over a fold while one batch goes through it."""

    def __init__(self, fold: PartitionFold, partition: PartitionState) -> None:
        self.fold = fold
        self.state = partition
        self.outputs: list[Output] = []
        self.cases: dict[str, Case] = {}
        self.touched: dict[str, Case] = {}
        self.forgotten: list[str] = []
        self.settled: list[Due] = []
        self.postponed: list[Due] = []

    def record(self, record: Record) -> None:
        """Fold one record: move the clock, settle what is due, then the record itself."""
        self.state.clock_ms = max(self.state.clock_ms, record.timestamp_ms)
        while (due := self.fold.agenda.pop(self.state.clock_ms)) is not None:
            self.settled.append(due)
            self._settle(due, record)
        try:
            raw = decode(record.value).raw
            self._check(record, raw)
        except SchemaError as error:
            self.outputs.append(deadletters.letter(record, str(error), self.state.clock_ms))
        else:
            self._dispatch(record, raw)
        self.state.position = record.offset

    def _check(self, record: Record, raw: dict[str, Any]) -> None:
        subject, partitions = raw["subject"], self.fold.partitions
        if record.key is None or record.key != subject.encode():
            shown = "absent" if record.key is None else repr(record.key[:64].decode(errors="replace"))
            raise SchemaError(
                f"key: must be the subject {subject!r}, is {shown}: set the Kafka key to the conversation id"
            )
        if subject in self.cases or subject in self.fold.memory or subject == CONTROL_KEY or partitions is None:
            return
        if (right := partition_of(record.key, partitions)) != record.partition:
            raise SchemaError(
                f"partition: {subject!r} belongs to partition {right}, came in {record.partition}: "
                "partition by Kafka's murmur2 (librdkafka: partitioner=murmur2_random)"
            )

    def _dispatch(self, record: Record, raw: dict[str, Any]) -> None:
        event_type = raw["type"]
        if event_type in CONTROLS:
            self._control(event_type, raw["data"])
        elif event_type == RESOLUTION:
            self._resolution(record, raw)
        elif event_type != GRANT:
            self._event(record, raw)

    def _control(self, event_type: str, data: dict[str, Any]) -> None:
        if event_type == ACTIVATED and data["ruleset"] not in self.fold.bundles:
            raise UnknownBundle(data["ruleset"])
        CONTROLS[event_type](self.state, data)

    def _event(self, record: Record, raw: dict[str, Any]) -> None:
        if raw["type"] in AFTERWARDS and self._living(raw["subject"]) is None:
            return
        case = self.case(raw["subject"])
        if case.head.position >= record.offset:
            return
        bundle, active = self.bundle
        try:
            turn = step(case, self.state, record, raw, bundle, active)
        except Conflict:
            turn = conflict(case, self.state, record, raw, bundle, active)
            reason = (
                f"id: {raw['id']!r} of {raw['source']!r} came before with other content: give each event its own id"
            )
            turn.outputs.append(deadletters.letter(record, reason, self.state.clock_ms))
        self._touch(case, record, turn.outputs)

    def _resolution(self, record: Record, raw: dict[str, Any]) -> None:
        case = self._living(raw["subject"])
        if case is None or case.head.position >= record.offset:
            return
        bundle, active = self.bundle
        turn = turn_of(case, self.state, record, raw, bundle, active, learns=False)
        resolutions.fold(turn, raw["data"])
        self._touch(case, record, turn.outputs)

    def _settle(self, due: Due, record: Record) -> None:
        """What time alone changes in one conversation."""
        name = due[1]
        case = self._living(name, gone=True)
        if case is None or case.head.position >= record.offset:
            return
        leaves = state.forgotten_ms(case.head)
        if leaves and leaves <= self.state.clock_ms:
            self._leave(name, due)
            return
        bundle, active = self.bundle
        outputs = deadlines.settle(case, self.state, record, bundle, active)
        if outputs:
            self._touch(case, record, outputs)

    def _leave(self, name: str, due: Due) -> None:
        """Forget a conversation, in a later batch than the one that touched it last."""
        if name in self.touched:
            self.postponed.append(due)
        elif name not in self.forgotten:
            self.forgotten.append(name)

    @property
    def bundle(self) -> tuple[Bundle, bool]:
        """(the active bundle, whether there is one)."""
        found = self.fold.bundles.get(self.state.ruleset)
        return (self.fold.fallback, False) if found is None else (found, True)

    def case(self, name: str) -> Case:
        """The conversation's case in this batch; a new one where none is remembered any more."""
        found = self._living(name)
        if found is None:
            old = self.cases.get(name)
            head = Conversation()
            if old is not None:  # entries keep their numbers, so that the old ones can be removed later
                head.entries_first = head.entries_next = old.head.entries_next
                head.parts_next = old.head.parts_next
            found = self.cases[name] = Case(name, head, self.fold.memory.entries(name), self.fold.memory.parts(name))
            if old is not None:
                found.first_stored, found.added = old.first_stored, old.added
            if name in self.forgotten:
                self.forgotten.remove(name)
        return found

    def _living(self, name: str, gone: bool = False) -> Case | None:
        """The case of a remembered conversation; one whose day is over only where `gone` are wanted too."""
        case = self.cases.get(name)
        if case is None:
            head = self.fold.memory.head(name)
            if head is None:
                return None
            case = self.cases[name] = Case(name, head, self.fold.memory.entries(name), self.fold.memory.parts(name))
        leaves = state.forgotten_ms(case.head)
        return None if leaves and leaves <= self.state.clock_ms and not gone else case

    def _touch(self, case: Case, record: Record, outputs: list[Output]) -> None:
        case.head.position, case.head.updated_ms = record.offset, self.state.clock_ms
        self.touched[case.id] = case
        self.fold.agenda.schedule(case.id, case.head)
        self.outputs += outputs
