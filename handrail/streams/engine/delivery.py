"""The delivery order of one partition: outputs, then states, then the partition's state, each acknowledged.

A crash anywhere in it leads to the same records being folded again, to the same outputs.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

from handrail.schemas.errors import EngineError
from handrail.schemas.keys import PublicKey, SigningKey
from handrail.schemas.record import Output
from handrail.schemas.signature import sign_batch
from handrail.schemas.topics import DECISIONS, STATES
from handrail.streams.engine import attestation, changelog
from handrail.streams.engine.attestation import GAPS_MAX, Attested
from handrail.streams.engine.fatal import die_of
from handrail.streams.engine.origin import NO_ORIGIN, Origin
from handrail.streams.engine.producer import Producer, Row, Written
from handrail.streams.governor.partition import Folded
from handrail.streams.governor.state import ATTESTED_KEY, PARTITION_KEY

ATTEST_S = 0.1  # between two: what a worker that is killed has written meanwhile is folded again


class Delivery:
    """Writes what the fold of one partition returned.

    `next_offset` is where the next state must land in the changelog, which has one rightful writer. Where it lands
    further on, another writer wrote in between: a worker that was stopped and went on. Its keys are in `foreign`, and
    their states have to be written again, because compaction keeps the last one, not the newest. With a `key` the
    decisions of a batch are signed together, and what was written to the changelog is attested: `before` says
    what was so when it began, `keys` are those that count.
    """

    def __init__(
        self,
        producer: Producer,
        bootstrap: str,
        partition: int,
        next_offset: int,
        key: SigningKey | None = None,
        origin: Origin = NO_ORIGIN,
        before: Attested | None = None,
        keys: Mapping[str, PublicKey] | None = None,
    ) -> None:
        """`origin` names the log that is folded."""
        self._producer, self._bootstrap, self._partition, self._key = producer, bootstrap, partition, key
        self._origin = origin
        self.next_offset = next_offset
        self.foreign: set[bytes] = set()
        self._attested, self._keys = before or Attested(next_offset), keys or {}
        self._unattested, self._attested_s = False, 0.0
        self._turn = asyncio.Lock()  # of the task that writes to the changelog
        self._later: asyncio.Task[None] | None = None

    async def outputs(self, outputs: Sequence[Output]) -> None:
        """Every output is acknowledged when this returns."""
        by_topic: dict[str, list[Output]] = {}
        for output in outputs if self._key is None else _signed(self._key, outputs):
            by_topic.setdefault(output.topic, []).append(output)
        await asyncio.gather(*(self._producer.write(topic, self._partition, rows) for topic, rows in by_topic.items()))

    async def states(self, folded: Folded) -> None:
        """Every state is acknowledged when this returns, the partition's own last."""
        assert folded.partition_state is not None
        rows = [*map(changelog.row_of, folded.states), changelog.row_of(folded.partition_state, self._origin.mark)]
        async with self._turn:
            await self._take(await self._producer.write_then(STATES, self._partition, rows))
        self._attest_later()

    async def look(self) -> None:
        """`foreign` gets what another writer wrote after our last state. Not while anything is being written here."""
        async with self._turn:
            end = await changelog.end_of(self._bootstrap, self._partition)
            if end > self.next_offset:
                await self._gap(self.next_offset, end)
                self.next_offset = end

    async def close(self) -> None:
        """All that was written is attested."""
        if self._later is not None:
            self._later.cancel()
            await asyncio.wait([self._later])
        await self._attest()

    async def _take(self, batches: Sequence[Written]) -> None:
        gaps = []
        for written in batches:
            if written.first < self.next_offset:
                raise EngineError(
                    f"{STATES}[{self._partition}]: a state landed at offset {written.first}, before "
                    f"{self.next_offset}: the broker has lost acknowledged records; check its replicas"
                )
            if written.first > self.next_offset:
                gaps.append((self.next_offset, written.first))
            self.next_offset = written.first + written.count
            self._attested = self._attested.then(written.first, self.next_offset)
        for first, end in gaps:
            await self._gap(first, end)
        self._unattested = True

    async def _gap(self, first: int, end: int) -> None:
        """Another writer wrote there: an earlier owner, whose attestations count too, or any other client."""
        self.foreign |= await self._keys_between(first, end) - {PARTITION_KEY, ATTESTED_KEY}
        if self._key is not None:
            place = (self._bootstrap, self._origin.states_id, self._partition)
            attested = await changelog.attested_between(*place, first, end, self._keys)
            self._attested = self._attested.also(attested)
            self._unattested = True

    def _attest_later(self) -> None:
        if self._key is not None and (self._later is None or self._later.done()):
            self._later = asyncio.create_task(self._attest_soon(), name=f"{STATES}[{self._partition}]: attesting")
            self._later.add_done_callback(die_of)

    async def _attest_soon(self) -> None:
        await asyncio.sleep(max(0.0, self._attested_s + ATTEST_S - time.monotonic()))
        await self._attest()

    async def _attest(self) -> None:
        """Attest all that was acknowledged so far, with what was attested before."""
        async with self._turn:
            if self._key is None or not self._unattested or len(self._attested.gaps) > GAPS_MAX:
                return
            gaps = self._attested.gaps
            value = attestation.signed(self._key, self._origin.states_id, self._partition, self._attested)
            await self._take(await self._producer.write(STATES, self._partition, [Row(ATTESTED_KEY, value)]))
            self._unattested, self._attested_s = self._attested.gaps != gaps, time.monotonic()

    async def _keys_between(self, first: int, end: int) -> set[bytes]:
        return await changelog.keys_between(self._bootstrap, self._partition, first, end)


def _signed(key: SigningKey, outputs: Sequence[Output]) -> list[Output]:
    """The outputs, the decisions among them signed together."""
    signed = iter(sign_batch(key, [output.value for output in outputs if output.topic == DECISIONS]))
    return [
        Output(DECISIONS, output.key, next(signed), output.headers) if output.topic == DECISIONS else output
        for output in outputs
    ]
