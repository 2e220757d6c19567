"""The log folded again and compared with the decisions; both are read once, from beginning to end."""

from collections.abc import AsyncIterator, Callable, Mapping

from handrail.audit.beginning import Generations, since_of
from handrail.audit.comparison import Comparison
from handrail.audit.decision_records import DecisionRecord, key_of, parse_event, partition_of
from handrail.audit.rules import Rules
from handrail.schemas.errors import ConfigError
from handrail.schemas.record import Record
from handrail.schemas.topics import DECISIONS
from handrail.streams.governor.batch import UnknownBundle
from handrail.streams.governor.partition import PartitionFold

# Folded at once: more than in a worker, since nobody waits for the first decision, and a conversation is loaded and
# stored once for all of its records in a chunk.
CHUNK_RECORDS = 5_000
Progress = Callable[[int], None]
"""Gets the number of records folded since the last time."""


class Folding:
    """Folds `records` in their order, each partition by itself, only as far as asked."""

    def __init__(self, records: AsyncIterator[Record], rules: Rules) -> None:
        self._records, self._rules = records, rules
        self._folds: dict[int, PartitionFold] = {}
        self._ahead: Record | None = None
        self.done = False

    def position(self, partition: int) -> int:
        """The last offset of the partition that is folded; -1 at first."""
        fold = self._folds.get(partition)
        return self._rules.start(partition) if fold is None else fold.position

    async def step(self) -> tuple[int, int, list[bytes]]:
        """Fold the next records of one partition: (partition, how many, the decisions that they give).

        Raises ConfigError where a bundle is activated that is not among the rules.
        """
        chunk = await self._chunk()
        if not chunk:
            self.done = True
            return 0, 0, []
        number = chunk[0].partition
        fold = self._folds.get(number) or self._folds.setdefault(number, self._rules.fold(number))
        try:
            outputs = fold.fold(chunk).outputs
        except UnknownBundle as unknown:
            raise ConfigError(
                f"partition {number}, offsets {chunk[0].offset} to {chunk[-1].offset}: activate {unknown.ruleset}, "
                "which is not among the bundles: give its folder with --policies"
            ) from None
        return number, len(chunk), [output.value for output in outputs if output.topic == DECISIONS]

    async def _chunk(self) -> list[Record]:
        chunk = [self._ahead] if self._ahead is not None else []
        self._ahead = None
        while len(chunk) < CHUNK_RECORDS and (record := await anext(self._records, None)) is not None:
            if chunk and record.partition != chunk[0].partition:
                self._ahead = record
                break
            chunk.append(record)
        return chunk


class Comparing:
    """Comparisons of one or more partitions while both sides come in.

    `ends` has the offset after the last event of each partition, where it is known: decisions for what came later are
    not judged, but those for an offset from `beyond` on have no event at all. Without `ends` everything after the last
    event came later. `generations` has an entry for each partition that begins at a snapshot.
    """

    def __init__(
        self,
        events: AsyncIterator[Record],
        rules: Rules,
        progress: Progress,
        ends: Mapping[int, int] | None = None,
        beyond: Mapping[int, int] | None = None,
        generations: Mapping[int, Generations] | None = None,
    ) -> None:
        self.comparisons: dict[int, Comparison] = {}
        self._folding, self._rules, self._report_progress = Folding(events, rules), rules, progress
        self._generations, self._ends, self._beyond = generations or {}, ends or {}, beyond or {}

    def of(self, partition: int) -> Comparison:
        """The comparison of a partition."""
        comparison = self.comparisons.get(partition)
        if comparison is None:
            comparison = self.comparisons[partition] = Comparison(
                partition, generations=self._generations.get(partition)
            )
        return comparison

    async def take(self, decisions: AsyncIterator[DecisionRecord]) -> None:
        """Compare all of these, folding as far as they need."""
        async for decision in decisions:
            if not self.of(decision.partition).settle(decision.value):
                await self.take_one(decision)

    async def take_one(self, decision: DecisionRecord) -> None:
        """Compare one decision, folding up to its place."""
        comparison = self.of(decision.partition)
        if comparison.settle(decision.value):
            return
        key = key_of(parse_event(decision.value))
        if key is None:
            comparison.take(decision)
        elif key[0] >= self._beyond.get(decision.partition, key[0] + 1):
            comparison.refuse(decision)
        elif not await self._folded(decision.partition, key[0]):
            comparison.postpone()
        elif not comparison.settle(decision.value):
            comparison.take(decision)

    def follow(self) -> None:
        """The decisions from now on were written after `beyond` was read."""
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
            self._report_progress(count)


async def generations_of(decisions: AsyncIterator[DecisionRecord], rules: Rules) -> dict[int, Generations]:
    """When conversations began, as these decisions say, for each partition that begins at a snapshot."""
    by_partition = {number: Generations(rules.start(number)) for number in rules.begins}
    async for record in decisions:
        generations, event = by_partition.get(record.partition), parse_event(record.value)
        key = key_of(event)
        if generations and event is not None and key is not None and partition_of(event) == record.partition:
            generations.note(key, since_of(event))
    return by_partition


async def recheck(comparison: Comparison, events: AsyncIterator[Record], rules: Rules) -> None:
    """Fold the partition once more, for decisions that came long after the first one at their place."""
    if not comparison.suspects:
        return
    wanted = {key[0] for key in comparison.suspects}
    folding, values = Folding(events, rules), list[bytes]()
    while not folding.done:
        partition, _, decisions = await folding.step()
        if partition == comparison.partition:
            values += [value for value in decisions if (key := key_of(parse_event(value))) and key[0] in wanted]
    comparison.recheck(values)
