"""The delivery order of one partition: outputs, then states, then the partition's state, each acknowledged.

A crash anywhere in it leads to the same records being folded again, to the same outputs.
"""

import asyncio
from collections.abc import Sequence

from handrail.schemas.errors import EngineError
from handrail.schemas.keys import SigningKey
from handrail.schemas.record import Output
from handrail.schemas.signature import sign_batch
from handrail.schemas.topics import DECISIONS, STATES
from handrail.streams.engine import changelog
from handrail.streams.engine.producer import Producer
from handrail.streams.governor.partition import Folded
from handrail.streams.governor.state import PARTITION_KEY


class Delivery:
    """Writes what the fold of one partition came to.

    `next_offset` is where the next state must land in the changelog, which has one rightful writer. Where it lands
    further on, somebody else wrote in between: a worker that was stopped and went on. Its keys are in `foreign`, and
    their states have to be written again, because compaction keeps the last one, not the newest. With a `key` the
    decisions of a batch are signed together.
    """

    def __init__(
        self,
        producer: Producer,
        bootstrap: str,
        partition: int,
        next_offset: int,
        key: SigningKey | None = None,
        mark: bytes = b"",
    ) -> None:
        """`mark` names the log that is folded."""
        self._producer, self._bootstrap, self._partition, self._key = producer, bootstrap, partition, key
        self._mark = mark
        self.next_offset = next_offset
        self.foreign: set[bytes] = set()

    async def outputs(self, outputs: Sequence[Output]) -> None:
        """Every output is acknowledged when this returns."""
        by_topic: dict[str, list[Output]] = {}
        for output in outputs if self._key is None else _signed(self._key, outputs):
            by_topic.setdefault(output.topic, []).append(output)
        await asyncio.gather(*(self._producer.write(topic, self._partition, rows) for topic, rows in by_topic.items()))

    async def states(self, folded: Folded) -> None:
        """Every state is acknowledged when this returns, the partition's own last."""
        assert folded.partition_state is not None
        rows = [*map(changelog.row_of, folded.states), changelog.row_of(folded.partition_state, self._mark)]
        gaps = []
        for written in await self._producer.write_then(STATES, self._partition, rows):
            if written.first < self.next_offset:
                raise EngineError(
                    f"{STATES}[{self._partition}]: a state landed at offset {written.first}, before "
                    f"{self.next_offset}: the broker has lost acknowledged records; check its replicas"
                )
            if written.first > self.next_offset:
                gaps.append((self.next_offset, written.first))
            self.next_offset = written.first + written.count
        for first, end in gaps:
            self.foreign |= await self._keys_between(first, end) - {PARTITION_KEY}

    async def look(self) -> None:
        """`foreign` has what somebody else wrote behind our last state. Not while anything is being written here."""
        end = await changelog.end_of(self._bootstrap, self._partition)
        if end > self.next_offset:
            self.foreign |= await self._keys_between(self.next_offset, end)
            self.next_offset = end

    async def _keys_between(self, first: int, end: int) -> set[bytes]:
        return await changelog.keys_between(self._bootstrap, self._partition, first, end)


def _signed(key: SigningKey, outputs: Sequence[Output]) -> list[Output]:
    """The outputs, the decisions among them signed together."""
    signed = iter(sign_batch(key, [one.value for one in outputs if one.topic == DECISIONS]))
    return [Output(DECISIONS, one.key, next(signed), one.headers) if one.topic == DECISIONS else one for one in outputs]
