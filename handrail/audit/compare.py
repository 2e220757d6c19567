"""The log folded again beside the decisions, both read once, from their beginning to their end."""

from collections.abc import AsyncIterator, Callable, Mapping

from handrail.audit.comparison import Comparison
from handrail.audit.decided import Decided, key_of, partition_of, read
from handrail.audit.folding import Folding, Rules
from handrail.audit.generations import Generations, since_of
from handrail.schemas.record import Record

Tell = Callable[[int], None]
"""Gets the number of records folded since the last time."""


class Comparing:
    """Comparisons of one or more partitions while both sides come in.

    `ends` has the offset after the last event of each partition, where it is known: decisions for what came later are
    not judged, but those for an offset at or behind `beyond` have no event at all. Without `ends` everything behind
    the last event came later. `lives` are those of the partitions that begin at a snapshot.
    """

    def __init__(
        self,
        events: AsyncIterator[Record],
        rules: Rules,
        tell: Tell,
        ends: Mapping[int, int] | None = None,
        beyond: Mapping[int, int] | None = None,
        lives: Mapping[int, Generations] | None = None,
    ) -> None:
        self.comparisons: dict[int, Comparison] = {}
        self._folding, self._rules, self._tell = Folding(events, rules), rules, tell
        self._lives, self._ends, self._beyond = lives or {}, ends or {}, beyond or {}

    def of(self, partition: int) -> Comparison:
        """The comparison of a partition."""
        found = self.comparisons.get(partition)
        if found is None:
            found = self.comparisons[partition] = Comparison(partition, lives=self._lives.get(partition))
        return found

    async def take(self, decisions: AsyncIterator[Decided]) -> None:
        """Compare all of these, folding as far as they need."""
        async for found in decisions:
            if not self.of(found.partition).settle(found.value):
                await self.take_one(found)

    async def take_one(self, found: Decided) -> None:
        """Compare one decision, folding up to its place."""
        comparison = self.of(found.partition)
        if comparison.settle(found.value):
            return
        key = key_of(read(found.value))
        if key is None:
            comparison.take(found)
        elif key[0] >= self._beyond.get(found.partition, key[0] + 1):
            comparison.refuse(found)
        elif not await self._folded(found.partition, key[0]):
            comparison.postpone()
        elif not comparison.settle(found.value):
            comparison.take(found)

    def follow(self) -> None:
        """What is taken from now on was written later than `beyond` was read."""
        self._beyond = {}

    async def fold_all(self) -> None:
        """Fold what is left of the log."""
        while not self._folding.done:
            await self._step()

    @property
    def waiting(self) -> bool:
        """Whether a worker may be about to write decisions for what is folded."""
        return any(comparison.waiting for comparison in self.comparisons.values())

    async def _folded(self, partition: int, offset: int) -> bool:
        """Whether the log up to `offset` is folded now; False where it ends before."""
        end = self._ends.get(partition)
        if end is not None and offset >= end:
            return False
        while self._folding.position(partition) < offset and not self._folding.done:
            await self._step()
        return end is not None or self._folding.position(partition) >= offset

    async def _step(self) -> None:
        partition, count, decisions = await self._folding.step()
        if count:
            comparison = self.of(partition)
            comparison.counts.records += count
            for value in decisions:
                comparison.expect(value)
            self._tell(count)


async def lived(decisions: AsyncIterator[Decided], rules: Rules) -> dict[int, Generations]:
    """What all these decisions say of when their conversations began, for each partition that begins at a snapshot."""
    found = {number: Generations(rules.start(number)) for number in rules.begins}
    async for decided in decisions:
        lives, event = found.get(decided.partition), read(decided.value)
        key = key_of(event)
        if lives is not None and event is not None and key is not None and partition_of(event) == decided.partition:
            lives.note(key, since_of(event))
    return found


async def recheck(comparison: Comparison, events: AsyncIterator[Record], rules: Rules) -> None:
    """Fold the partition once more, for the decisions that came long after the first one of their place."""
    if not comparison.suspects:
        return
    wanted = {key[0] for key in comparison.suspects}
    folding, values = Folding(events, rules), list[bytes]()
    while not folding.done:
        partition, _, decisions = await folding.step()
        if partition == comparison.partition:
            values += [value for value in decisions if (key := key_of(read(value))) and key[0] in wanted]
    comparison.recheck(values)
