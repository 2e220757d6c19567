"""The fold of one partition: records in, outputs and states out. Pure: no clock, no IO, no randomness.

Everything that decides is in the records and the bundles they name, so the same log gives the same outputs, however
it is cut into batches and wherever a worker was killed in between.
"""

import heapq
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
from handrail.streams.governor.case import Case
from handrail.streams.governor.controls import ACTIVATED, CONTROLS, GRANT, RESOLUTION
from handrail.streams.governor.events import AFTERWARDS
from handrail.streams.governor.state import ENTRY_MARK, PART_MARK, PARTITION_KEY, Conversation, PartitionState
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
        self._state = PartitionState(ruleset=ruleset)
        self._heads: dict[str, bytes] = {}
        self._entries: dict[str, dict[int, bytes]] = {}
        self._parts: dict[str, dict[int, bytes]] = {}
        self._unnamed: list[tuple[str, int]] = []  # parts that no head names any more; removed with the next batch
        self._due: list[tuple[int, str]] = []
        self._scheduled: dict[str, int] = {}
        self._loaded: dict[bytes, int] = {}

    # --- recovery

    def load(self, key: bytes, value: bytes | None, position: int) -> None:
        """One record of the changelog. The highest position of a key wins, whatever order they come in."""
        if self._loaded.get(key, -1) > position:
            return
        self._loaded[key] = position
        if key == PARTITION_KEY:
            if value is not None:
                self._state = state.decode_partition(value)
            return
        name, mark, number = key.partition(ENTRY_MARK)
        if number.startswith(PART_MARK):
            _put(self._parts, name.decode(), int(number[1:]), value)
        elif mark:
            _put(self._entries, name.decode(), int(number), value)
        elif value is None:
            self._heads.pop(name.decode(), None)
        else:
            self._heads[name.decode()] = value

    def recovered(self) -> None:
        """After the last `load`: deadlines are known again."""
        self._loaded.clear()
        self._due, self._scheduled = [], {}
        for name, raw in self._heads.items():
            head = state.decode_conversation(raw)
            self.schedule(name, head)
            self._forget_parts(name, state.live_parts(head))
        for name in self._parts.keys() - self._heads.keys():
            self._forget_parts(name, set())

    def stored(self, key: bytes) -> StateWrite | None:
        """What this fold holds for a key of the changelog, as a write; None where it holds nothing."""
        if key == PARTITION_KEY:
            return self._partition_write()
        name, mark, number = key.partition(ENTRY_MARK)
        head = self._heads.get(name.decode())
        if head is None:
            return None
        position = state.decode_conversation(head).position
        value: bytes | None = head
        if number.startswith(PART_MARK):
            value = self._parts.get(name.decode(), {}).get(int(number[1:]))
        elif mark:
            value = self._entries.get(name.decode(), {}).get(int(number))
        return None if value is None else StateWrite(key, value, position)

    # --- what the owner asks

    @property
    def position(self) -> int:
        """The last offset that is folded; -1 at first."""
        return self._state.position

    @property
    def ruleset(self) -> str:
        """The active bundle; empty before the first activation."""
        return self._state.ruleset

    @property
    def next_deadline_ms(self) -> int | None:
        """The log time at which something is due, None where nothing is."""
        return self._due[0][0] if self._due else None

    @property
    def conversations(self) -> int:
        """How many conversations are remembered."""
        return len(self._heads)

    def sizes(self) -> list[tuple[str, int, int]]:
        """(conversation, bytes of its head, bytes of its entries and parts) of all that are remembered."""
        return [
            (
                name,
                len(head),
                sum(len(value) for kept in (self._entries, self._parts) for value in kept.get(name, {}).values()),
            )
            for name, head in self._heads.items()
        ]

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
        return self._commit(batch)

    def _commit(self, batch: "Batch") -> Folded:
        folded = Folded(batch.outputs)
        heads: list[StateWrite] = []
        unnamed, self._unnamed = self._unnamed, []
        for name, case in batch.touched.items():
            folded.states += self._commit_parts(name, case)
            folded.states += self._commit_entries(name, case)
            raw = state.encode(case.head)
            self._heads[name] = raw
            heads.append(StateWrite(name.encode(), raw, case.head.position))
        for name in batch.forgotten:
            folded.states += self._forget(name, batch.state.position)
        folded.states += heads
        folded.states += self._remove_parts(unnamed, batch.state.position)
        self._postpone(batch.postponed)
        self._state = batch.state
        folded.partition_state = self._partition_write()
        return folded

    def _commit_entries(self, name: str, case: Case) -> list[StateWrite]:
        position = case.head.position
        kept = self._entries.setdefault(name, {})
        gone = [number for number in kept if number < case.first_stored]
        writes = [StateWrite(state.entry_key(name, number), raw, position) for number, raw in case.added.items()]
        writes += [StateWrite(state.entry_key(name, number), None, position) for number in gone]
        kept.update(case.added)
        for number in gone:
            del kept[number]
        return writes

    def _commit_parts(self, name: str, case: Case) -> list[StateWrite]:
        live = state.live_parts(case.head)
        added = {number: raw for number, raw in case.new_parts.items() if number in live}
        if added:
            self._parts.setdefault(name, {}).update(added)
        self._forget_parts(name, live)
        position = case.head.position
        return [StateWrite(state.part_key(name, number), raw, position) for number, raw in added.items()]

    def _forget_parts(self, name: str, live: set[int]) -> None:
        """Keep only the live parts. The changelog keeps the others until the head without them is sure to be there."""
        kept = self._parts.get(name, {})
        for number in kept.keys() - live:
            del kept[number]
            self._unnamed.append((name, number))

    def _remove_parts(self, unnamed: list[tuple[str, int]], position: int) -> list[StateWrite]:
        """Tombstones, but for those whose number a head has given again after a recovery."""
        return [
            StateWrite(state.part_key(name, number), None, position)
            for name, number in unnamed
            if number not in self._parts.get(name, {})
        ]

    def _forget(self, name: str, position: int) -> list[StateWrite]:
        del self._heads[name]
        keys = [state.entry_key(name, number) for number in self._entries.pop(name, {})]
        keys += [state.part_key(name, number) for number in self._parts.pop(name, {})]
        return [StateWrite(key, None, position) for key in (*keys, name.encode())]

    def _partition_write(self) -> StateWrite:
        return StateWrite(PARTITION_KEY, state.encode(self._state), self._state.position)

    # --- for the batch

    def head(self, name: str) -> Conversation | None:
        """The stored head, decoded."""
        raw = self._heads.get(name)
        return None if raw is None else state.decode_conversation(raw)

    def entries(self, name: str) -> Mapping[int, bytes]:
        """The stored entries."""
        return self._entries.get(name, {})

    def parts(self, name: str) -> Mapping[int, bytes]:
        """The stored parts."""
        return self._parts.get(name, {})

    def schedule(self, name: str, head: Conversation) -> None:
        """Queue the conversation's next deadline. What is queued twice, or in vain, does no harm."""
        due = state.next_deadline_ms(head)
        if due and self._scheduled.get(name) != due:
            self._scheduled[name] = due
            heapq.heappush(self._due, (due, name))

    def pop_due(self, now_ms: int) -> tuple[int, str] | None:
        """The next deadline that has come, removed from the queue."""
        if not self._due or self._due[0][0] > now_ms:
            return None
        due = heapq.heappop(self._due)
        if self._scheduled.get(due[1]) == due[0]:
            del self._scheduled[due[1]]
        return due

    def _postpone(self, deadlines: list[tuple[int, str]]) -> None:
        for due, name in deadlines:
            self._scheduled[name] = due
            heapq.heappush(self._due, (due, name))


def _put(kept: dict[str, dict[int, bytes]], name: str, number: int, value: bytes | None) -> None:
    if value is None:
        kept.get(name, {}).pop(number, None)
    else:
        kept.setdefault(name, {})[number] = value


class Batch:
    """The overlay over a fold while one batch goes through it."""

    def __init__(self, fold: PartitionFold, partition: PartitionState) -> None:
        self.fold = fold
        self.state = partition
        self.outputs: list[Output] = []
        self.cases: dict[str, Case] = {}
        self.touched: dict[str, Case] = {}
        self.forgotten: list[str] = []
        self.settled: list[tuple[int, str]] = []
        self.postponed: list[tuple[int, str]] = []

    def record(self, record: Record) -> None:
        """Fold one record: move the clock, settle what is due, then the record itself."""
        self.state.clock_ms = max(self.state.clock_ms, record.timestamp_ms)
        while (due := self.fold.pop_due(self.state.clock_ms)) is not None:
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
        if subject in self.cases or subject in self.fold._heads or subject == CONTROL_KEY or partitions is None:
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

    def _settle(self, due: tuple[int, str], record: Record) -> None:
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

    def _leave(self, name: str, due: tuple[int, str]) -> None:
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
            found = self.cases[name] = Case(name, head, self.fold.entries(name), self.fold.parts(name))
            if old is not None:
                found.first_stored, found.added = old.first_stored, old.added
            if name in self.forgotten:
                self.forgotten.remove(name)
        return found

    def _living(self, name: str, gone: bool = False) -> Case | None:
        """The case of a remembered conversation; one whose day is over only where `gone` are wanted too."""
        case = self.cases.get(name)
        if case is None:
            head = self.fold.head(name)
            if head is None:
                return None
            case = self.cases[name] = Case(name, head, self.fold.entries(name), self.fold.parts(name))
        leaves = state.forgotten_ms(case.head)
        return None if leaves and leaves <= self.state.clock_ms and not gone else case

    def _touch(self, case: Case, record: Record, outputs: list[Output]) -> None:
        case.head.position, case.head.updated_ms = record.offset, self.state.clock_ms
        self.touched[case.id] = case
        self.fold.schedule(case.id, case.head)
        self.outputs += outputs
