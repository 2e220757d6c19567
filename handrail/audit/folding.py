"""The fold over a log that is read as far as it is needed: what each partition decides."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.policies import Bundle
from handrail.schemas.errors import ConfigError
from handrail.schemas.record import Record
from handrail.schemas.topics import DECISIONS
from handrail.streams.governor.batch import UnknownBundle
from handrail.streams.governor.partition import PartitionFold

# Folded in one go: more than by a worker, for nobody waits for the first one, and a conversation is taken out of the
# memory and put back once for all of its records in a chunk.
CHUNK_RECORDS = 5_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What the fold is given: every bundle by its ruleset, the one active from the start, the topic's partitions.

    `ruleset` is empty where the log says what is active; `partitions` None where keys need not be checked against it.
    `begins` has the snapshot that a partition is folded from, where its beginning is gone.
    """

    bundles: Mapping[str, Bundle]
    ruleset: str = ""
    partitions: int | None = None
    begins: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def fold(self, partition: int) -> PartitionFold:
        """The fold of a partition, before the first record that it gets.

        Raises ConfigError where it begins at a snapshot whose bundle is not among the rules.
        """
        fold = PartitionFold(partition, self.partitions, self.bundles, self.ruleset)
        if (begin := self.begins.get(partition)) is not None:
            fold.begin(dict(begin))
            if fold.ruleset not in self.bundles:
                raise ConfigError(
                    f"partition {partition}: at offset {fold.position}, where it begins, {fold.ruleset or 'nothing'} "
                    "is active, which is not among the bundles: give its folder with --policies"
                )
        return fold

    def start(self, partition: int) -> int:
        """The offset up to which nothing is folded; -1 where the partition is folded from its first record."""
        begin = self.begins.get(partition)
        return -1 if begin is None else int(begin["position"])


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
