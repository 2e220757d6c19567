"""What a fold remembers, said so that two folds which remember the same are equal.

Everything is compared by its bytes, but for conversations that are over: when they leave the memory depends on how the
log was cut into batches, what is decided does not. Of those what remains is compared.
"""

from dataclasses import dataclass

from handrail.streams.governor import state
from handrail.streams.governor.partition import PartitionFold

Kept = dict[str, dict[int, bytes]]
View = dict[str, tuple[bytes, dict[int, bytes], dict[int, bytes]]]
"""Of each conversation: its head, its entries, its parts. The partition's own has the empty name."""


@dataclass(slots=True)
class Remembered:
    """The memory of a fold at one moment, and the names for which a deadline is queued."""

    heads: dict[str, bytes]
    entries: Kept
    parts: Kept
    partition: bytes
    scheduled: frozenset[str]
    waiting: frozenset[str]
    idle_ms: int

    @classmethod
    def of(cls, fold: PartitionFold) -> "Remembered":
        memory = fold.memory
        return cls(
            dict(memory._heads),
            {name: dict(kept) for name, kept in memory._entries.items() if kept},
            {name: dict(kept) for name, kept in memory._parts.items() if kept},
            state.encode(fold._state),
            frozenset(fold.agenda._scheduled),
            frozenset(name for silent in (fold.idle, fold.remains) for name, _ in silent),
            fold.bundles.get(fold.ruleset, fold.fallback).remembered.idle_s * 1000,
        )

    def view(self) -> View:
        """All that decides from here on. AssertionError where something is kept in vain, or named and not kept."""
        partition = state.decode_partition(self.partition)
        clock_ms = partition.clock_ms
        found: View = {"": (self.partition, {}, {})}
        for name, raw in self.heads.items():
            head = state.decode_conversation(raw)
            leaves = state.forgotten_ms(head)
            over = bool(leaves) and leaves <= clock_ms
            if over or head.updated_ms <= max(clock_ms - self.idle_ms, partition.idle_floor_ms):
                if not state.remains(head, clock_ms, partition.room_ms):  # some of it may be gone already
                    assert name in self.scheduled | self.waiting, f"{name}: it is over, and nothing forgets it"
                    continue
                assert state.is_rested(head) or name in self.scheduled | self.waiting, f"{name}: nothing ends it"
                head = head if state.is_rested(head) else state.rested(head)
                named, parts = state.live_parts(head), self.parts.get(name, {})
                found[name] = state.encode(head), {}, {number: parts[number] for number in named}
                continue
            entries, parts = self.entries.get(name, {}), self.parts.get(name, {})
            named_entries = range(head.entries_first, head.entries_next)
            assert set(entries) == set(named_entries), f"{name}: entries {sorted(entries)}, named {named_entries}"
            assert set(parts) == state.live_parts(head), f"{name}: parts {sorted(parts)}, the head names {head.parts}"
            found[name] = raw, entries, parts
        orphans = (self.entries.keys() | self.parts.keys()) - self.heads.keys()
        assert not orphans, f"kept without a head: {sorted(orphans)}"
        return found
