"""The memory of one partition: its conversations, their deadlines, and what is loaded and doubted on recovery."""

from collections.abc import Iterable, Mapping
from functools import cache

import msgspec

from handrail.policies import Bundle, load_bundle
from handrail.schemas.record import StateWrite
from handrail.streams.governor import state
from handrail.streams.governor.idle import Idle
from handrail.streams.governor.state import (
    ENTRY_MARK,
    PARTITION_KEY,
    STATE_LOST,
    Conversation,
    PartitionState,
)
from handrail.streams.governor.state_store import StateStore, readable
from handrail.streams.governor.timers import Timers

PARTS_MAX = 16  # that one record makes: what is learnt, a part for each open handoff, an approval, a sealed block
BURIED_MAX = 100_000  # tombstones whose position a standby remembers, so that a late writer raises nobody from the dead
DOUBTED_MAX = 100_000  # conversations that are looked at by name after a recovery; beyond, all are


class PartitionMemory:
    """All conversations of one partition, in memory, and their recovery from the changelog.

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

    def load(self, key: bytes, value: bytes | None, position: int, sure: bool = False) -> bool:
        """One record of the changelog. The highest position of a key wins, whatever order they come in.

        Where the last one is not the newest, its key is among `overwritten`: compaction would keep the wrong one, so
        the partition's owner has to write it again. False where it cannot be a state, so that it is passed over;
        one that is `sure` to be an owner's has to be: EngineError where it cannot be read.
        """
        if value is None and key != PARTITION_KEY and not readable(key, None, position):
            return True  # a tombstone for what never was a state
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
        return name.encode() in self._buried if name not in self.memory else self.memory.complete(name)

    @property
    def all_in_doubt(self) -> bool:
        """Whether more conversations may have been pushed out than are remembered by name."""
        return len(self._doubted) > DOUBTED_MAX

    def missing(self, other: "PartitionMemory") -> list[str]:
        """The conversations that the other fold remembers, and this one does not, or not as a whole."""
        return [
            name for name, _, _ in other.memory.sizes() if name not in self.memory or not self.memory.complete(name)
        ]

    def adopt(self, other: "PartitionMemory", names: Iterable[str]) -> set[bytes]:
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

    @property
    def position(self) -> int:
        """The last offset that is folded; -1 at first."""
        return self._state.position

    def _partition_write(self) -> StateWrite:
        return StateWrite(PARTITION_KEY, state.encode(self._state), self._state.position)


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
