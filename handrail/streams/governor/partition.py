"""The fold of one partition: records in, outputs and states out. Pure: no clock, no IO, no randomness.

Everything that decides is in the records and the bundles they name, so the same log gives the same outputs, however
it is cut into batches and wherever a worker was killed in between.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from handrail.policies import Bundle, load_bundle
from handrail.policies.keys import trusted
from handrail.schemas import quick
from handrail.schemas.canonical import canonical
from handrail.schemas.controls import FORGET
from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.record import Output, Record, StateWrite, Supervision
from handrail.streams.governor import alerts, capacity, deadletters, deadlines, resolutions, snapshot, state, trust
from handrail.streams.governor.broken import broken
from handrail.streams.governor.controls import ACTIVATED, CONTROLS, GRANT, MEMORY, RESOLUTION
from handrail.streams.governor.events import AFTERWARDS, redo_bypass
from handrail.streams.governor.idle import Idle
from handrail.streams.governor.state import (
    ENTRY_MARK,
    PARTITION_KEY,
    REMAINS_MS,
    STATE_LOST,
    Conversation,
    PartitionState,
)
from handrail.streams.governor.state_store import StateStore, readable
from handrail.streams.governor.step import Conflict, conflict, context_of, step
from handrail.streams.governor.timers import Due, Timers
from handrail.streams.governor.working_conversation import WorkingConversation

CONTROL_KEY = "control"
BURIED_MAX = 100_000  # tombstones whose position a standby remembers, so that a late writer raises nobody from the dead
LATE_MS = 600_000  # where nothing else happens, what is forgotten leaves the states so much later: many at a time
SWEEP_MAX = 500  # conversations that leave with one batch because they were idle: the others with the next ones
DOUBTED_MAX = 100_000  # conversations that are looked at by name after a recovery; beyond, all are
PARTS_MAX = 16  # that one record makes: what is learnt, a part for each open handoff, an approval, a sealed block


class UnknownBundle(Exception):
    """A record activates a bundle that was not handed to the fold; nothing has changed."""

    def __init__(self, ruleset: str) -> None:
        self.ruleset = ruleset
        super().__init__(f"bundle {ruleset} is activated but not known")


@dataclass(slots=True)
class Folded:
    """What one batch came to: to be produced in this order, each acknowledged before the next."""

    outputs: list[Output] = field(default_factory=list)
    supervisions: list[Supervision] = field(default_factory=list)
    states: list[StateWrite] = field(default_factory=list)
    partition_state: StateWrite | None = None
    types: dict[str, int] = field(default_factory=dict, repr=False)  # how many records of each type could be read


class PartitionFold:
    """All conversations of one partition, and the fold over its log.

    `partitions` is the topic's partition count, None where keys need not be checked against it. `ruleset` is active
    from the start; before the first activation everything is blocked. Without `checked` signatures do not matter.
    """

    def __init__(
        self,
        partition: int,
        partitions: int | None,
        bundles: Mapping[str, Bundle],
        ruleset: str = "",
        checked: bool = True,
    ) -> None:
        self.number, self.partitions, self.checked = partition, partitions, checked
        self.bundles, self.fallback = bundles, _fallback()
        self.memory, self.agenda = StateStore(), Timers()
        self.idle, self.remains = Idle(), Idle()  # all but what is left of those that are over; that, while it counts
        self._state = PartitionState(ruleset=ruleset)
        self._loaded: dict[bytes, int] = {}
        self._last: dict[str, tuple[int, int, str]] = {}  # of what was loaded, for `idle`
        self._left: set[str] = set()  # those of them that are in `remains`
        self._buried: dict[bytes, None] = {}  # keys of tombstones that were loaded, oldest first
        self.ungoverned: set[int] = set()  # offsets of bypasses in conversations that were written, the partition not
        self.overwritten: set[bytes] = set()  # keys of the changelog whose last record is not the newest
        self._doubted: dict[bytes, None] = {}  # conversations under whose keys something was passed over
        self.doubtful: set[str] = set()  # those of them of which nothing sure is known, once it is recovered

    # --- recovery

    def load(self, key: bytes, value: bytes | None, position: int, sure: bool = False) -> bool:
        """One record of the changelog. The highest position of a key wins, whatever order they come in.

        Where the last one is not the newest, its key is among `overwritten`: compaction would keep the wrong one, so
        whoever owns the partition has to write it again. False where it cannot be a state, so that it is passed over;
        one that is `sure` to be an owner's has to be: EngineError where it cannot be read.
        """
        if value is None and key != PARTITION_KEY and not readable(key, None, position):
            return True  # somebody has taken away what never was a state
        if not sure and not _readable(key, value, position):
            self.doubt(key)
            return False
        if self._loaded.get(key, -1) > position:
            self.overwritten.add(key)
            return True
        self.overwritten.discard(key)
        self._loaded[key] = position
        if key != PARTITION_KEY:
            self.memory.load(key, value)
            self._buried.pop(key, None)
            if value is None:
                self._buried[key] = None
        elif value is not None:
            try:
                self._state = state.decode_partition(value)
            except msgspec.DecodeError as error:
                raise state.unreadable(key, error) from error
        return True

    def doubt(self, key: bytes) -> None:
        """A record under this key was passed over: it may have pushed out one that counts."""
        self.overwritten.add(key)
        name = key.partition(ENTRY_MARK)[0]
        if name and len(self._doubted) <= DOUBTED_MAX:
            self._doubted[name] = None

    def follow(self) -> None:
        """After any `load`, with more to come: take over what is whole already.

        So little is left for `recovered`, and what was forgotten leaves a standby too.
        """
        for name, head in self.memory.settled():
            self._loaded_head(name, head)
        self.agenda.prune(self._state.clock_ms, self._due_ms)
        while len(self._buried) > BURIED_MAX:
            oldest = next(iter(self._buried))
            del self._buried[oldest], self._loaded[oldest]

    def recovered(self) -> None:
        """After the last `load`: deadlines are known again, and what the partition's state has still to hear of."""
        ahead = (key for key, position in self._loaded.items() if position > self.position)
        self.ungoverned = {offset for offset in self.memory.ungoverned(ahead) if offset > self.position}
        self.doubtful = {name for name in map(_name, self._doubted) if name and not self._known(name)}
        self._loaded.clear()
        self._buried.clear()
        for name in self.doubtful:
            self.memory.drop(name)
        self._schedule_loaded()

    def _known(self, name: str) -> bool:
        """Whether it is sure what became of the conversation."""
        return name.encode() in self._buried if name not in self.memory else self.memory.whole(name)

    @property
    def all_in_doubt(self) -> bool:
        """Whether more conversations may have been pushed out than are remembered by name."""
        return len(self._doubted) > DOUBTED_MAX

    def missing(self, other: "PartitionFold") -> list[str]:
        """The conversations that the other fold remembers, and this one does not, or not as a whole."""
        return [name for name, _, _ in other.memory.sizes() if name not in self.memory or not self.memory.whole(name)]

    def adopt(self, other: "PartitionFold", names: Iterable[str]) -> set[bytes]:
        """Take over these conversations from a fold of the same log; gives the keys that are to be written."""
        keys = [key for name in names for key in other.memory.keys_of(name)]
        for key in keys:
            if (write := other.memory.stored(key)) is not None:
                self.memory.load(key, write.value)
        self._doubted, self.doubtful = {}, set()
        self._schedule_loaded()
        return set(keys)

    def lose(self, names: Iterable[str]) -> set[bytes]:
        """Nothing is sure of these conversations: they are halted. Gives the keys that are to be written."""
        next_offset = self.position + 1
        for name in names:
            head = Conversation(self.position, self._state.clock_ms, halt=STATE_LOST, first_offset=0)
            head.entries_first = head.entries_next = next_offset
            head.parts_next = next_offset * PARTS_MAX
            self.memory.load(name.encode(), state.encode(head))
        keys = {name.encode() for name in names}
        self._doubted, self.doubtful = {}, set()
        self._schedule_loaded()
        return keys

    def _schedule_loaded(self) -> None:
        for name, head in self.memory.recovered():
            self._loaded_head(name, head)
        left = {name for name in self._left if name in self.memory}
        self.idle.begin(last for name, last in self._last.items() if name in self.memory and name not in left)
        self.remains.begin(self._last[name] for name in left)
        if not (self.doubtful or self.all_in_doubt):  # else there is more to come
            self._last, self._left = {}, set()

    def _loaded_head(self, name: str, head: Conversation) -> None:
        self.agenda.schedule(name, head)
        self._last[name] = (head.updated_ms, head.position, name)
        if state.is_rested(head) and not state.holds(head):
            self._left.add(name)
        else:
            self._left.discard(name)

    def _due_ms(self, name: str) -> int:
        head = self.memory.head(name)
        return 0 if head is None else state.next_deadline_ms(head)

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
        return capacity.told(self.memory, (self.remains, self.idle), self._state, bound)

    @property
    def next_ms(self) -> int | None:
        """The log time at which time alone changes something, None where it does not."""
        due, first = self.agenda.next_ms, self.idle.first
        found = [] if due is None else [due]
        if first is not None:
            idle_s = self.bundles.get(self._state.ruleset, self.fallback).remembered.idle_s
            found.append(first[1] + idle_s * 1000 + LATE_MS)
        if self.memory.leaving:
            found.append(self._state.clock_ms + LATE_MS)
        return min(found, default=None)

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

    def _sweep(self, batch: "Batch", before: int) -> None:
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

    def _take_idle(self, batch: "Batch", before: int) -> bool:
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

    def _take_left(self, batch: "Batch") -> bool:
        """The same of what is left of others."""
        first = self.remains.first
        if first is None or (first[1] + REMAINS_MS > batch.state.clock_ms and first[1] > batch.state.room_ms):
            return False
        self.remains.drop(first[0])
        if (head := self.memory.head(first[0])) is not None:
            batch.leave(first[0], head)
        return True

    def _keep_left(self, resting: list[str]) -> None:
        for name in resting:
            head = self.memory.head(name)
            if head is not None and not state.holds(head):
                self.remains.touch(name, head.updated_ms)

    def _partition_write(self) -> StateWrite:
        return StateWrite(PARTITION_KEY, state.encode(self._state), self._state.position)

    def _postpone(self, deadlines: list[Due]) -> None:
        for due in deadlines:
            self.agenda.put(due)


def _readable(key: bytes, value: bytes | None, position: int) -> bool:
    if key != PARTITION_KEY:
        return readable(key, value, position)
    try:
        return value is not None and state.decode_partition(value).position == position
    except msgspec.MsgspecError:
        return False


def _name(raw: bytes) -> str:
    """The conversation of a key; empty where it can be none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""


@cache
def _fallback() -> Bundle:
    return load_bundle(None)


class Batch:
    """The overlay over a fold while one batch goes through it."""

    def __init__(self, fold: PartitionFold, partition: PartitionState) -> None:
        self.fold = fold
        self.state = partition
        self.outputs: list[Output] = []
        self.supervisions: list[Supervision] = []
        self.cases: dict[str, WorkingConversation] = {}
        self.touched: dict[str, WorkingConversation] = {}
        self.types: dict[str, int] = {}
        self.forgotten: list[str] = []
        self.resting: list[str] = []  # of these only what remains is kept
        self.idle_ms = self.bundle[0].remembered.idle_s * 1000
        self.settled: list[Due] = []
        self.postponed: list[Due] = []
        self.settling: str | None = None  # the conversation whose time has come with the record

    def record(self, record: Record) -> None:
        """Fold one record. Raises UnknownBundle, and FoldError where the code fails on it."""
        try:
            self._record(record)
        except (UnknownBundle, MemoryError):
            raise
        except Exception as error:
            raise broken(record, error, self.settling) from error

    def _record(self, record: Record) -> None:
        """Move the clock, settle what is due, then the record itself."""
        if record.timestamp_ms > self.state.clock_ms:
            self.state.clock_ms = record.timestamp_ms
        while (due := self.fold.agenda.pop(self.state.clock_ms)) is not None:
            self.settled.append(due)
            self.settling = due[1]
            self._settle(due, record)
        self.settling = None
        try:
            raw, content = quick.read(record.value) or (decode(record.value).raw, None)
            self._check(record, raw)
        except SchemaError as error:
            why = deadletters.unread(record, str(error))
            self.outputs.append(deadletters.letter(record, why, self.state.clock_ms))
        else:
            self._count(raw["type"])
            if content is None:
                self._dispatch(record, raw)
            else:
                self._event(record, raw, content, plain=True)
        self.state.position = record.offset

    def _count(self, event_type: str) -> None:
        self.types[event_type] = self.types.get(event_type, 0) + 1

    def _check(self, record: Record, raw: dict[str, Any]) -> None:
        subject, partitions = raw["subject"], self.fold.partitions
        if record.key is None or record.key != subject.encode():
            shown = "absent" if record.key is None else repr(record.key[:64].decode(errors="replace"))
            raise SchemaError(
                f"key: must be the subject {subject!r}, is {shown}: set the Kafka key to the conversation id"
            )
        if partitions is None or subject in self.cases or subject in self.fold.memory or subject == CONTROL_KEY:
            return
        if (right := partition_of(record.key, partitions)) != record.partition:
            raise SchemaError(
                f"partition: {subject!r} belongs to partition {right}, came in {record.partition}: "
                "partition by Kafka's murmur2 (librdkafka: partitioner=murmur2_random)"
            )

    def _dispatch(self, record: Record, raw: dict[str, Any]) -> None:
        event_type = raw["type"]
        if event_type in CONTROLS:
            self._signed(record, raw, self._control)
        elif event_type == RESOLUTION:
            self._signed(record, raw, self._resolution)
        elif event_type == FORGET:
            self._signed(record, raw, self._forget)
        elif event_type != GRANT:
            self._event(record, raw, canonical(raw["data"]))

    def _signed(self, record: Record, raw: dict[str, Any], fold: Callable[[Record, dict[str, Any]], None]) -> None:
        """Fold what has to be signed; what is not, or by nobody who may, changes nothing."""
        try:
            counts = self._counts(record, raw)
        except SchemaError as error:
            self.outputs.append(deadletters.letter(record, str(error), self.state.clock_ms))
            self.outputs.append(alerts.refused(record, raw, self.state.clock_ms, str(error)))
            return
        if counts:
            fold(record, raw)

    def _counts(self, record: Record, raw: dict[str, Any]) -> bool:
        """False for what came before. Raises SchemaError where it is not signed as it has to be."""
        keys, data = self._keys(raw), raw["data"]
        if not keys or not self.fold.checked:
            return True
        trust.check(keys, raw, record.partition)
        if raw["type"] == RESOLUTION:  # which repeats by its own identity
            asked = bool(trusted(self.bundle[0].keys, "resolutions"))
            trust.check_answer(keys, data, raw["subject"], required=asked)
            return True
        return trust.fresh(self.state, data)

    def _keys(self, raw: dict[str, Any]) -> trust.Keys:
        """The keys that count; for the first activation those that come with it."""
        if (found := trust.keys_of(self.state, self.bundle[0])) or raw["type"] != ACTIVATED:
            return found
        if (coming := self.fold.bundles.get(raw["data"]["ruleset"])) is None:
            raise UnknownBundle(raw["data"]["ruleset"])
        return coming.keys or trust.activation_keys(raw["data"])

    def _control(self, record: Record, raw: dict[str, Any]) -> None:
        event_type, data = raw["type"], raw["data"]
        if event_type == ACTIVATED and data["ruleset"] not in self.fold.bundles:
            raise UnknownBundle(data["ruleset"])
        CONTROLS[event_type](self.state, data)
        idle_ms = self.bundle[0].remembered.idle_s * 1000
        if idle_ms > self.idle_ms:
            self.state.idle_floor_ms = max(self.state.idle_floor_ms, self.state.clock_ms - self.idle_ms)
        self.idle_ms = idle_ms
        if event_type == MEMORY and (data["leaving"] or data["full"]):
            self.outputs.append(alerts.crowded(record, data, self.state.clock_ms))

    def _event(self, record: Record, raw: dict[str, Any], content: bytes, plain: bool = False) -> None:
        if raw["type"] in AFTERWARDS and self._living(raw["subject"], record.offset) is None:
            return
        bundle, active = self.bundle
        if self.state.full and self._living(raw["subject"], record.offset) is None:
            conversation = WorkingConversation(raw["subject"], Conversation(), {}, {})  # which nobody keeps
            self.outputs += capacity.refused(
                context_of(conversation, self.state, record, raw, bundle, active, True, plain)
            )
            return
        conversation = self.conversation(raw["subject"], record.offset)
        if conversation.head.position >= record.offset:  # the conversation was written, the partition's state was not
            if record.offset in self.fold.ungoverned and redo_bypass(self.state, raw, bundle, conversation.head.tenant):
                self._supervises(raw["data"]["agent_id"], record)
            return
        try:
            context = step(conversation, self.state, record, raw, content, bundle, active, plain)
        except Conflict:
            context = conflict(conversation, self.state, record, raw, bundle, active)
            reason = (
                f"id: {raw['id']!r} of {raw['source']!r} came before with other content: give each event its own id"
            )
            context.outputs.append(deadletters.letter(record, reason, self.state.clock_ms))
        if context.supervises:
            self._supervises(context.agent_id, record)
        self._heard(conversation, record, context.outputs)

    def _supervises(self, agent_id: str, record: Record) -> None:
        self.supervisions.append(Supervision(agent_id, record.offset, self.state.clock_ms))

    def _resolution(self, record: Record, raw: dict[str, Any]) -> None:
        conversation = self._living(raw["subject"], record.offset)
        if conversation is None or conversation.head.position >= record.offset:
            return
        bundle, active = self.bundle
        context = context_of(conversation, self.state, record, raw, bundle, active, learns=False)
        resolutions.fold(context, raw["data"])
        head, answer = conversation.head, raw["data"]["resolution"]
        if answer.get("outcome") == "resolved" and not (head.handoffs or head.approvals):
            head.ended_ms = head.ended_ms or self.state.clock_ms  # whoever writes after it begins it anew
        self._heard(conversation, record, context.outputs)

    def _forget(self, record: Record, raw: dict[str, Any]) -> None:
        """Somebody was forgotten: of this conversation only that remains which does of one that is over."""
        conversation = self._living(raw["subject"], record.offset)
        if conversation is not None and conversation.head.position < record.offset:
            conversation.rest()
            self._touch(conversation, record, [])

    def _settle(self, due: Due, record: Record) -> None:
        """What time alone changes in one conversation."""
        name = due[1]
        conversation = self._known(name)
        if conversation is None:
            return
        if conversation.head.position >= record.offset:  # its time has to come again behind what it was written at
            self.postponed.append(due)
            return
        if self._leaves(conversation.head):
            self._leave(conversation, due)
            return
        bundle, active = self.bundle
        outputs = deadlines.settle(conversation, self.state, record, bundle, active)
        if outputs:
            self._touch(conversation, record, outputs)

    def _heard(self, conversation: WorkingConversation, record: Record, outputs: list[Output]) -> None:
        """As `_touch`, of a record of the conversation's own: it is not idle."""
        conversation.head.updated_ms = self.state.clock_ms
        self._touch(conversation, record, outputs)

    def _leave(self, conversation: WorkingConversation, due: Due) -> None:
        """Forget a conversation, in a later batch than the one whose partition state covers what it was written at.

        Else a crash between the tombstone and that state would have its last records folded into a new conversation.
        It need not have been touched in this batch: after a recovery it may have been written ahead of the partition.
        """
        if conversation.head.position > self.fold.position:
            self.postponed.append(due)
        else:
            self.leave(conversation.id, conversation.head)

    def leave(self, name: str, head: Conversation) -> None:
        """One that is over leaves the memory, but for what remains of it."""
        if not self._remains(head):
            if name not in self.forgotten:
                self.forgotten.append(name)
        elif not state.is_rested(head) and name not in self.resting:
            self.resting.append(name)

    def _leaves(self, head: Conversation) -> bool:
        """Whether it is over with no deadline to come, and something of it can be forgotten."""
        if head.handoffs or head.approvals or not self._over(head):
            return False
        return not (state.is_rested(head) and self._remains(head))

    def silent(self, updated_ms: int) -> bool:
        """Whether whatever had its last record then has been idle too long."""
        partition = self.state
        return updated_ms + self.idle_ms <= partition.clock_ms or updated_ms <= partition.idle_floor_ms

    def _remains(self, head: Conversation) -> bool:
        return state.remains(head, self.state.clock_ms, self.state.room_ms)

    def _over(self, head: Conversation) -> bool:
        if self.silent(head.updated_ms):
            return True
        leaves = state.forgotten_ms(head) if head.ended_ms else 0  # nearly never
        return bool(leaves) and leaves <= self.state.clock_ms

    @property
    def bundle(self) -> tuple[Bundle, bool]:
        """(the active bundle, whether there is one)."""
        found = self.fold.bundles.get(self.state.ruleset)
        return (self.fold.fallback, False) if found is None else (found, True)

    def conversation(self, name: str, offset: int) -> WorkingConversation:
        """The working conversation in this batch; one that begins at `offset` where none is remembered any more.

        Its entries and parts are numbered from that offset on. So no number is given twice, however the log is cut
        into batches, though nothing is remembered of the conversation's earlier life: a record makes one entry at most.
        """
        found = self._living(name, offset)
        if found is None:
            old = self.cases.get(name)
            head = Conversation(entries_first=offset, entries_next=offset, parts_next=offset * PARTS_MAX)
            found = self.cases[name] = WorkingConversation(
                name, head, self.fold.memory.entries(name), self.fold.memory.parts(name)
            )
            if old is not None:  # what was added to the earlier life is removed by a later batch, like the rest
                found.added = old.added
            if name in self.forgotten:
                self.forgotten.remove(name)
        return found

    def _living(self, name: str, offset: int) -> WorkingConversation | None:
        """A conversation that is remembered at this offset, or what remains of it.

        It may be over by the clock; but one that was written further on in the log has lived until then.
        """
        conversation = self._known(name)
        if conversation is None or conversation.head.position >= offset or not self._over(conversation.head):
            return conversation
        if not self._remains(conversation.head):
            return None
        conversation.rest()
        return conversation

    def _known(self, name: str) -> WorkingConversation | None:
        """A conversation that is in the memory, be its day over or not."""
        conversation = self.cases.get(name)
        if conversation is None:
            conversation = self.fold.memory.conversation(name)
            if conversation is not None:
                self.cases[name] = conversation
        return conversation

    def _touch(self, conversation: WorkingConversation, record: Record, outputs: list[Output]) -> None:
        conversation.head.position = record.offset
        name = conversation.id
        self.touched.pop(name, None)  # in the order of their last records
        self.touched[name] = conversation
        if self.resting and name in self.resting:
            self.resting.remove(name)
        self.fold.agenda.schedule(conversation.id, conversation.head)
        self.outputs += outputs
