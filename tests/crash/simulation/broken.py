"""Delivery orders that are broken on purpose: a simulation that finds nothing wrong with these proves nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import patch

from handrail.schemas.record import Output, Record
from handrail.streams.governor import partition
from handrail.streams.governor.batch import Batch
from handrail.streams.governor.partition import Folded, PartitionFold
from handrail.streams.governor.timers import Due
from handrail.streams.governor.working_conversation import WorkingConversation
from tests.crash.simulation.worker import MemoryDelivery, Order

EVERY = 4


class SeldomPosition(MemoryDelivery):
    """Step 5 is left out of three batches in four: conversations are ahead of their partition by more than a batch."""

    batches = 0

    async def states(self, folded: Folded) -> None:
        self.batches += 1
        if self.batches % EVERY and folded.states:
            folded = replace(folded, states=folded.states[:-1], partition_state=folded.states[-1])
        if self.batches % EVERY == 0 or folded.states or folded.partition_state is None:
            await super().states(folded)


class PositionFirst(MemoryDelivery):
    """The partition's state is written before the conversations' that it covers."""

    async def states(self, folded: Folded) -> None:
        if folded.states and folded.partition_state is not None:
            first = [folded.partition_state, *folded.states[:-1]]
            folded = replace(folded, states=first, partition_state=folded.states[-1])
        await super().states(folded)


class StatesFirst(MemoryDelivery):
    """Nobody waits for the outputs before the states are written."""

    async def outputs(self, outputs: Sequence[Output]) -> None:
        asyncio.get_running_loop().create_task(super().outputs(outputs))


class NoMending(MemoryDelivery):
    """What a late writer has overwritten stays so."""

    @property
    def foreign(self) -> set[bytes]:  # type: ignore[override]
        return set()

    @foreign.setter
    def foreign(self, keys: set[bytes]) -> None:
        """Nobody cares."""


class LastWins(PartitionFold):
    """Recovery takes the last record of a key, not the newest."""

    def load(self, key: bytes, value: bytes | None, position: int, sure: bool = False) -> bool:
        self._loaded.pop(key, None)
        return super().load(key, value, position, sure)


class HastyStandby(PartitionFold):
    """A standby that throws away what no head names yet."""

    def follow(self) -> None:
        for name, head in self.memory.recovered():
            self.agenda.schedule(name, head)


class EarlyTombstones(PartitionFold):
    """A conversation may be forgotten in the very batch that touched it last."""

    def fold(self, records: Sequence[Record]) -> Folded:
        with patch.object(partition, "Batch", EarlyBatch):
            return super().fold(records)


class EarlyBatch(Batch):
    def _leave(self, case: WorkingConversation, due: Due) -> None:
        self.touched.pop(case.id, None)
        if case.id in self.fold.memory:
            self.forgotten[case.id] = None


BROKEN = {
    "the partition's state in one batch of four": Order(delivery=SeldomPosition),
    "a tombstone in the batch that touched it last": Order(fold=EarlyTombstones),
    "the partition's state before the others": Order(delivery=PositionFirst),
    "states without waiting for outputs": Order(delivery=StatesFirst),
    "no mending at gaps": Order(delivery=NoMending),
    "the last record of a key, not the newest": Order(fold=LastWins),
    "a standby that does not wait for heads": Order(fold=HastyStandby),
}
