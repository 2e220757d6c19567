"""One batch on its way through the fold of a partition: its changes are an overlay until all of it is folded."""

from collections.abc import Callable
from typing import Any

from handrail.policies import Bundle
from handrail.policies.keys import trusted
from handrail.schemas import quick
from handrail.schemas.canonical import canonical
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError
from handrail.schemas.event_types import FORGET, GRANT, MEMORY, POLICIES_ACTIVATED, RESOLUTION_COPY
from handrail.schemas.partitioner import partition_of
from handrail.schemas.record import Output, Record, Supervision
from handrail.streams.governor import alerts, capacity, deadletters, resolutions, state, timers, trust
from handrail.streams.governor.controls import CONTROLS
from handrail.streams.governor.deadletters import fold_error
from handrail.streams.governor.events import HANDLERS
from handrail.streams.governor.executions import redo_bypass
from handrail.streams.governor.partition_memory import PARTS_MAX, PartitionMemory
from handrail.streams.governor.state import Conversation, PartitionState
from handrail.streams.governor.step import Conflict, conflict, context_of, step
from handrail.streams.governor.timers import Due
from handrail.streams.governor.working_conversation import WorkingConversation


class UnknownBundle(Exception):
    """A record activates a bundle that was not handed to the fold; nothing has changed."""

    def __init__(self, ruleset: str) -> None:
        self.ruleset = ruleset
        super().__init__(f"bundle {ruleset} is activated but not known")


class Batch:
    """The overlay over a fold while one batch goes through it."""

    def __init__(self, fold: PartitionMemory, partition: PartitionState) -> None:
        self.fold = fold
        self.state = partition
        self.outputs: list[Output] = []
        self.supervisions: list[Supervision] = []
        self.conversations: dict[str, WorkingConversation] = {}
        self.touched: dict[str, WorkingConversation] = {}
        self.types: dict[str, int] = {}
        self.forgotten: dict[str, None] = {}
        self.resting: dict[str, None] = {}  # of these only what remains is kept
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
            raise fold_error(record, error, self.settling) from error

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
        if partitions is None or subject in self.conversations or subject in self.fold.memory or subject == CONTROL_KEY:
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
        elif event_type == RESOLUTION_COPY:
            self._signed(record, raw, self._resolution)
        elif event_type == FORGET:
            self._signed(record, raw, self._forget)
        elif event_type != GRANT:
            self._event(record, raw, canonical(raw["data"]))

    def _signed(self, record: Record, raw: dict[str, Any], fold: Callable[[Record, dict[str, Any]], None]) -> None:
        """Fold a record that must be signed; without a signature of a trusted key it changes nothing."""
        try:
            counts = self._counts(record, raw)
        except SchemaError as error:
            self.outputs.append(deadletters.letter(record, str(error), self.state.clock_ms))
            self.outputs.append(alerts.refused(record, raw, self.state.clock_ms, str(error)))
            return
        if counts:
            fold(record, raw)

    def _counts(self, record: Record, raw: dict[str, Any]) -> bool:
        """False for a record that came before. Raises SchemaError where the signature is missing or wrong."""
        keys, data = self._keys(raw), raw["data"]
        if not keys or not self.fold.checked:
            return True
        trust.check(keys, raw, record.partition)
        if raw["type"] == RESOLUTION_COPY:  # which repeats by its own identity
            asked = bool(trusted(self.bundle[0].keys, "resolutions"))
            trust.check_answer(keys, data, raw["subject"], required=asked)
            return True
        return trust.fresh(self.state, data)

    def _keys(self, raw: dict[str, Any]) -> trust.Keys:
        """The keys that count; for the first activation those that come with it."""
        if (keys := trust.keys_of(self.state, self.bundle[0])) or raw["type"] != POLICIES_ACTIVATED:
            return keys
        if (coming := self.fold.bundles.get(raw["data"]["ruleset"])) is None:
            raise UnknownBundle(raw["data"]["ruleset"])
        return coming.keys or trust.activation_keys(raw["data"])

    def _control(self, record: Record, raw: dict[str, Any]) -> None:
        event_type, data = raw["type"], raw["data"]
        if event_type == POLICIES_ACTIVATED and data["ruleset"] not in self.fold.bundles:
            raise UnknownBundle(data["ruleset"])
        CONTROLS[event_type](self.state, data)
        idle_ms = self.bundle[0].remembered.idle_s * 1000
        if idle_ms > self.idle_ms:
            self.state.idle_floor_ms = max(self.state.idle_floor_ms, self.state.clock_ms - self.idle_ms)
        self.idle_ms = idle_ms
        if event_type == MEMORY and (data["leaving"] or data["full"]):
            self.outputs.append(alerts.crowded(record, data, self.state.clock_ms))

    def _event(self, record: Record, raw: dict[str, Any], content: bytes, plain: bool = False) -> None:
        if not HANDLERS[raw["type"]].opens and self._living(raw["subject"], record.offset) is None:
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
        self._touch_active(conversation, record, context.outputs)

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
            head.ended_ms = head.ended_ms or self.state.clock_ms  # a later event begins it anew
        self._touch_active(conversation, record, context.outputs)

    def _forget(self, record: Record, raw: dict[str, Any]) -> None:
        """Forget a customer: the conversation keeps only what remains of one that is over."""
        conversation = self._living(raw["subject"], record.offset)
        if conversation is not None and conversation.head.position < record.offset:
            conversation.rest()
            self._touch(conversation, record, [])

    def _settle(self, due: Due, record: Record) -> None:
        """Apply what time alone changes in one conversation."""
        name = due[1]
        conversation = self._known(name)
        if conversation is None:
            return
        if conversation.head.position >= record.offset:  # it was written ahead of this record: due again after that
            self.postponed.append(due)
            return
        if self._leaves(conversation.head):
            self._leave(conversation, due)
            return
        bundle, active = self.bundle
        outputs = timers.settle(conversation, self.state, record, bundle, active)
        if outputs:
            self._touch(conversation, record, outputs)

    def _touch_active(self, conversation: WorkingConversation, record: Record, outputs: list[Output]) -> None:
        """As `_touch`, for a record of the conversation itself, which is then not idle."""
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
        """Remove a conversation that is over from memory, but for what remains of it."""
        if not self._remains(head):
            self.forgotten[name] = None
        elif not state.is_rested(head):
            self.resting[name] = None

    def _leaves(self, head: Conversation) -> bool:
        """Whether it is over with no deadline to come, and something of it can be forgotten."""
        if head.handoffs or head.approvals or not self._over(head):
            return False
        return not (state.is_rested(head) and self._remains(head))

    def silent(self, updated_ms: int) -> bool:
        """Whether a conversation whose last record came then has been idle too long."""
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
        active = self.fold.bundles.get(self.state.ruleset)
        return (self.fold.fallback, False) if active is None else (active, True)

    def conversation(self, name: str, offset: int) -> WorkingConversation:
        """The working conversation in this batch; one that begins at `offset` where none is remembered any more.

        Its entries and parts are numbered from that offset on. So no number is given twice, however the log is cut
        into batches, though nothing is remembered of the conversation's earlier life: a record makes one entry at most.
        """
        conversation = self._living(name, offset)
        if conversation is None:
            old = self.conversations.get(name)
            head = Conversation(entries_first=offset, entries_next=offset, parts_next=offset * PARTS_MAX)
            conversation = self.conversations[name] = WorkingConversation(
                name, head, self.fold.memory.entries(name), self.fold.memory.parts(name)
            )
            if old is not None:  # what was added to the earlier life is removed by a later batch, like the rest
                conversation.added = old.added
            self.forgotten.pop(name, None)
        return conversation

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
        """A conversation that is in the memory, over or not."""
        conversation = self.conversations.get(name)
        if conversation is None:
            conversation = self.fold.memory.conversation(name)
            if conversation is not None:
                self.conversations[name] = conversation
        return conversation

    def _touch(self, conversation: WorkingConversation, record: Record, outputs: list[Output]) -> None:
        conversation.head.position = record.offset
        name = conversation.id
        self.touched.pop(name, None)  # in the order of their last records
        self.touched[name] = conversation
        self.resting.pop(name, None)
        self.fold.agenda.schedule(name, conversation.head)
        self.outputs += outputs
