"""What one partition remembers of its conversations: heads, entries, parts; and how changes become writes.

Heads are written with each batch that touched them. Entries and parts are written once under a number of their own, so
that a head and what it names always fit, wherever a worker was killed.
"""

from collections.abc import Iterable, Iterator, Mapping

from handrail.schemas.record import StateWrite
from handrail.streams.governor import state
from handrail.streams.governor.case import Case
from handrail.streams.governor.state import ENTRY_MARK, PART_MARK, Conversation


class Memory:
    """Conversations by their id, encoded as the changelog has them."""

    def __init__(self) -> None:
        self._heads: dict[str, bytes] = {}
        self._entries: dict[str, dict[int, bytes]] = {}
        self._parts: dict[str, dict[int, bytes]] = {}
        self._unnamed: list[tuple[str, int]] = []  # parts that no head names any more; removed with the next batch

    def __len__(self) -> int:
        return len(self._heads)

    def __contains__(self, name: str) -> bool:
        return name in self._heads

    # --- recovery

    def load(self, key: bytes, value: bytes | None) -> None:
        """Take over one record of the changelog."""
        name, mark, number = key.partition(ENTRY_MARK)
        if number.startswith(PART_MARK):
            _put(self._parts, name.decode(), int(number[1:]), value)
        elif mark:
            _put(self._entries, name.decode(), int(number), value)
        elif value is None:
            self._heads.pop(name.decode(), None)
        else:
            self._heads[name.decode()] = value

    def recovered(self) -> Iterator[tuple[str, Conversation]]:
        """After the last `load`: every conversation with its head; what no head names is on its way out."""
        for name in self._parts.keys() - self._heads.keys():
            self._forget_parts(name, set())
        for name, raw in self._heads.items():
            head = state.decode_conversation(raw)
            self._forget_parts(name, state.live_parts(head))
            yield name, head

    def stored(self, key: bytes) -> StateWrite | None:
        """What is held for a key of the changelog, as a write; None where nothing is."""
        found, mark, number = key.partition(ENTRY_MARK)
        name = found.decode()
        head = self._heads.get(name)
        if head is None:
            return None
        value: bytes | None = head
        if number.startswith(PART_MARK):
            value = self.parts(name).get(int(number[1:]))
        elif mark:
            value = self.entries(name).get(int(number))
        return None if value is None else StateWrite(key, value, state.decode_conversation(head).position)

    # --- reading

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

    def sizes(self) -> list[tuple[str, int, int]]:
        """(conversation, bytes of its head, bytes of its entries and parts) of all that are remembered."""
        kept = (self.entries, self.parts)
        return [
            (name, len(head), sum(len(value) for of in kept for value in of(name).values()))
            for name, head in self._heads.items()
        ]

    @property
    def entries_n(self) -> int:
        """How many entries are stored."""
        return sum(map(len, self._entries.values()))

    # --- changing

    def commit(self, touched: Mapping[str, Case], forgotten: Iterable[str], position: int) -> list[StateWrite]:
        """Take over what a batch changed; gives the writes in their order: heads after what they name."""
        unnamed, self._unnamed = self._unnamed, []
        writes: list[StateWrite] = []
        heads: list[StateWrite] = []
        for name, case in touched.items():
            writes += self._commit_parts(name, case)
            writes += self._commit_entries(name, case)
            raw = self._heads[name] = state.encode(case.head)
            heads.append(StateWrite(name.encode(), raw, case.head.position))
        for name in forgotten:
            writes += self._forget(name, position)
        return [*writes, *heads, *self._remove_parts(unnamed, position)]

    def _commit_entries(self, name: str, case: Case) -> list[StateWrite]:
        position = case.head.position
        kept = self._entries.setdefault(name, {})
        kept.update(case.added)
        writes = [StateWrite(state.entry_key(name, number), raw, position) for number, raw in case.added.items()]
        oldest = case.first_stored
        while oldest - 1 in kept:  # entries are numbered without a gap
            oldest -= 1
        for number in range(oldest, case.first_stored):  # the oldest first, so that no gap is left by a crash
            del kept[number]
            writes.append(StateWrite(state.entry_key(name, number), None, position))
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
            if number not in self.parts(name)
        ]

    def _forget(self, name: str, position: int) -> list[StateWrite]:
        del self._heads[name]
        keys = [state.entry_key(name, number) for number in self._entries.pop(name, {})]
        keys += [state.part_key(name, number) for number in self._parts.pop(name, {})]
        return [StateWrite(key, None, position) for key in (*keys, name.encode())]


def _put(kept: dict[str, dict[int, bytes]], name: str, number: int, value: bytes | None) -> None:
    if value is None:
        kept.get(name, {}).pop(number, None)
    else:
        kept.setdefault(name, {})[number] = value
