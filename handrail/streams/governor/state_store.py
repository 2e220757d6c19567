"""What one partition remembers of its conversations: heads, entries, parts; and how changes become writes.

Heads are written with each batch that touched them. Entries and parts are written once under a number of their own, so
that a head and what it names always fit, wherever a worker was killed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec

from handrail.schemas.record import StateWrite
from handrail.streams.governor import entries, state
from handrail.streams.governor.entries import ToolExecution
from handrail.streams.governor.live_conversations import LiveConversations
from handrail.streams.governor.state import ENTRY_MARK, PART_MARK, Conversation
from handrail.streams.governor.working_conversation import WorkingConversation

UNREADABLE = (UnicodeDecodeError, ValueError, msgspec.MsgspecError)

NOTHING: Mapping[int, bytes] = {}

_KeyOf = Callable[[str, int], bytes]
_Unnamed = tuple[_KeyOf, str, int]


def readable(key: bytes, value: bytes | None, position: int) -> bool:
    """Whether this can be a state that was written at the position, of a conversation, an entry or a part."""
    raw, mark, number = key.partition(ENTRY_MARK)
    if not raw or (mark and not number.removeprefix(PART_MARK).isdigit()):
        return False
    try:
        raw.decode()
        if value is not None and mark and not number.startswith(PART_MARK):
            entries.decode(value)
        return value is None or bool(mark) or _written_at(state.decode_conversation(value), position)
    except UNREADABLE:
        return False


def _written_at(head: Conversation, position: int) -> bool:
    """What remains of a conversation that is over is written later than its last record."""
    return head.position == position or (head.position < position and head.first_offset >= 0 and state.is_rested(head))


class StateStore:
    """Conversations by their id, encoded as the changelog has them."""

    def __init__(self) -> None:
        self._heads: dict[str, bytes] = {}
        self._entries: dict[str, dict[int, bytes]] = {}
        self._parts: dict[str, dict[int, bytes]] = {}
        # Keys of entries and parts that no head names any more; removed with the next batch.
        self._unnamed: dict[_Unnamed, None] = {}
        self.live = LiveConversations()
        self._loaded: dict[str, None] = {}  # conversations of which something was loaded, and not yet taken over
        self._fresh: dict[str, None] = {}  # those of them that were not looked at since

    def __len__(self) -> int:
        return len(self._heads)

    def __contains__(self, name: str) -> bool:
        return name in self._heads

    # --- recovery

    def load(self, key: bytes, value: bytes | None) -> None:
        """Load one record of the changelog."""
        raw, mark, number = key.partition(ENTRY_MARK)
        name = raw.decode()
        self.live.take(name)
        self._loaded[name] = self._fresh[name] = None
        if number.startswith(PART_MARK):
            self._put(self._parts, state.part_key, name, int(number[1:]), value)
        elif mark:
            self._put(self._entries, state.entry_key, name, int(number), value)
        elif value is None:
            self._heads.pop(name, None)
        else:
            self._heads[name] = value

    def _put(
        self, values: dict[str, dict[int, bytes]], key_of: _KeyOf, name: str, number: int, value: bytes | None
    ) -> None:
        if value is not None:
            values.setdefault(name, {})[number] = value
            return
        values.get(name, {}).pop(number, None)
        self._unnamed.pop((key_of, name, number), None)  # removed by somebody else

    def settled(self) -> Iterator[tuple[str, Conversation]]:
        """The conversations loaded since the last time that have nothing but what their heads name, with their heads.

        Of the others, a head may be still to come: compaction moves it after what it names. Raises as `recovered`.
        """
        fresh, self._fresh = self._fresh, {}
        for name in fresh:
            if (head := self._loaded_head(name)) is not None and self._fits(name, head):
                del self._loaded[name]
                yield name, head

    def recovered(self) -> Iterator[tuple[str, Conversation]]:
        """After the last `load`: the conversations not settled yet, with their heads; what no head names is to go.

        Raises EngineError where a head cannot be read.
        """
        for name in self._loaded:
            head = self._loaded_head(name)
            self._keep_named(name, head or Conversation())
            if head is not None:
                yield name, head
        self._loaded, self._fresh = {}, {}

    def _loaded_head(self, name: str) -> Conversation | None:
        try:
            return self.head(name)
        except msgspec.DecodeError as error:
            raise state.unreadable(name.encode(), error) from error

    def _fits(self, name: str, head: Conversation) -> bool:
        entries_max = head.entries_next - head.entries_first
        return len(self.entries(name)) <= entries_max and self.parts(name).keys() <= state.live_parts(head)

    def complete(self, name: str) -> bool:
        """Whether the conversation is remembered with all that its head names."""
        head = self._loaded_head(name)
        if head is None:
            return False
        named = range(head.entries_first, head.entries_next)
        return self.entries(name).keys() >= set(named) and self.parts(name).keys() >= state.live_parts(head)

    def drop(self, name: str) -> None:
        """Nothing is remembered of the conversation any more."""
        for table in (self._heads, self._entries, self._parts, self._loaded, self._fresh):
            table.pop(name, None)
        self.live.take(name)

    def keys_of(self, name: str) -> list[bytes]:
        """The keys of the changelog under which something is held of the conversation, its head last."""
        keys = [state.entry_key(name, number) for number in self.entries(name)]
        keys += [state.part_key(name, number) for number in self.parts(name)]
        return [*keys, name.encode()] if name in self._heads else keys

    def ungoverned(self, keys: Iterable[bytes]) -> Iterator[int]:
        """Before `recovered`: the offsets of the executed actions without a decision among these keys' entries."""
        for key in keys:
            name, mark, number = key.partition(ENTRY_MARK)
            if not name or not mark or number.startswith(PART_MARK):
                continue
            raw = self.entries(name.decode()).get(int(number))
            if raw is not None and isinstance(entry := entries.decode(raw), ToolExecution) and not entry.governed:
                yield entry.offset

    def stored(self, key: bytes) -> StateWrite | None:
        """What is held for a key of the changelog, as a write; None where nothing is."""
        if not readable(key, None, 0):
            return None
        raw_name, mark, number = key.partition(ENTRY_MARK)
        name = raw_name.decode()
        head = self._heads.get(name)
        if head is None:
            return None
        value: bytes | None = head
        if number.startswith(PART_MARK):
            value = self.parts(name).get(int(number[1:]))
        elif mark:
            value = self.entries(name).get(int(number))
        return None if value is None else StateWrite(key, value, state.decode_conversation(head).position)

    @property
    def leaving(self) -> bool:
        """Whether something is still to be removed with the next batch."""
        return bool(self._unnamed)

    # --- reading

    def head(self, name: str) -> Conversation | None:
        """The stored head, decoded."""
        raw = self._heads.get(name)
        return None if raw is None else state.decode_conversation(raw)

    def conversation(self, name: str) -> WorkingConversation | None:
        """The conversation as it is stored, to be worked on: until `commit` by nobody else."""
        if (live := self.live.take(name)) is not None:
            return live
        raw = self._heads.get(name)
        return (
            None
            if raw is None
            else WorkingConversation(name, state.decode_conversation(raw), self.entries(name), self.parts(name))
        )

    def entries(self, name: str) -> Mapping[int, bytes]:
        """The stored entries."""
        return self._entries.get(name, NOTHING)

    def parts(self, name: str) -> Mapping[int, bytes]:
        """The stored parts."""
        return self._parts.get(name, NOTHING)

    def sizes(self) -> list[tuple[str, int, int]]:
        """(conversation, bytes of its head, bytes of its entries and parts) of all that are remembered."""
        readers = (self.entries, self.parts)
        return [
            (name, len(head), sum(len(value) for of in readers for value in of(name).values()))
            for name, head in self._heads.items()
        ]

    @property
    def entries_n(self) -> int:
        """How many entries are stored."""
        return sum(map(len, self._entries.values()))

    # --- changing

    def commit(
        self,
        touched: Mapping[str, WorkingConversation],
        forgotten: Iterable[str],
        position: int,
        resting: Iterable[str] = (),
    ) -> list[StateWrite]:
        """Take over what a batch changed; gives the writes in their order: heads after what they name."""
        unnamed, self._unnamed = self._unnamed, {}
        writes: list[StateWrite] = []
        heads: list[StateWrite] = []
        for name, conversation in touched.items():
            head = conversation.head
            if conversation.new_parts:
                writes += self._commit_parts(name, conversation)
            if conversation.added:
                writes += self._commit_entries(name, conversation)
            stored, parts = self._entries.get(name, NOTHING), self._parts.get(name, NOTHING)
            named = head.entries_next - head.entries_first, len(head.parts) + len(head.sealed)
            if len(stored) > named[0] or len(parts) > named[1]:  # what is named is stored
                self._keep_named(name, head)
            raw = self._heads[name] = state.encode(head)
            heads.append(StateWrite(conversation.key, raw, head.position))
            conversation.committed(stored, parts)
            self.live.keep(conversation, len(raw))
        for name in forgotten:
            writes += self._forget(name, position)
        heads += [self._rest(name, position) for name in resting]
        return [*writes, *heads, *self._remove(unnamed, position)]

    def _commit_entries(self, name: str, conversation: WorkingConversation) -> list[StateWrite]:
        self._entries.setdefault(name, {}).update(conversation.added)
        prefix, position = conversation.key + ENTRY_MARK, conversation.head.position
        return [StateWrite(prefix + b"%d" % number, raw, position) for number, raw in conversation.added.items()]

    def _commit_parts(self, name: str, conversation: WorkingConversation) -> list[StateWrite]:
        live = state.live_parts(conversation.head)
        added = {number: raw for number, raw in conversation.new_parts.items() if number in live}
        if added:
            self._parts.setdefault(name, {}).update(added)
        position = conversation.head.position
        return [StateWrite(state.part_key(name, number), raw, position) for number, raw in added.items()]

    def _keep_named(self, name: str, head: Conversation) -> None:
        """Keep only what the head names. The changelog keeps the rest until the head without it is sure to be there."""
        values = self._entries.get(name, {})
        if len(values) > head.entries_next - head.entries_first:
            self._drop(state.entry_key, name, values, range(head.entries_first, head.entries_next))
        if parts := self._parts.get(name):
            self._drop(state.part_key, name, parts, state.live_parts(head))

    def _drop(self, key_of: _KeyOf, name: str, values: dict[int, bytes], named: Collection[int]) -> None:
        for number in [number for number in values if number not in named]:
            del values[number]
            self._unnamed[key_of, name, number] = None

    def _remove(self, unnamed: Iterable[_Unnamed], position: int) -> list[StateWrite]:
        """Tombstones, but for what a head has come to name when the records after a recovery were folded again."""
        return [
            StateWrite(key_of(name, number), None, position)
            for key_of, name, number in unnamed
            if number not in (self.entries(name) if key_of is state.entry_key else self.parts(name))
        ]

    def _rest(self, name: str, position: int) -> StateWrite:
        """The head that remains. Its own position stays, so that it is the same wherever the log is cut."""
        self.live.take(name)
        head = state.rested(state.decode_conversation(self._heads[name]))
        self._heads[name] = raw = state.encode(head)
        self._keep_named(name, head)
        return StateWrite(name.encode(), raw, position)

    def _forget(self, name: str, position: int) -> list[StateWrite]:
        del self._heads[name]
        self.live.take(name)
        keys = [state.entry_key(name, number) for number in self._entries.pop(name, {})]
        keys += [state.part_key(name, number) for number in self._parts.pop(name, {})]
        return [StateWrite(key, None, position) for key in (*keys, name.encode())]
