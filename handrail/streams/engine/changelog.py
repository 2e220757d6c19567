"""The changelog of the states: read in full for recovery, in part where another writer wrote to it.

No record there counts without a reason, and none stops a reader: what does not count is passed over.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import reduce

import msgspec
from aiokafka import ConsumerRecord, TopicPartition

from handrail.policies.keys import trusted
from handrail.schemas.errors import EngineError
from handrail.schemas.keys import PublicKey
from handrail.schemas.record import StateWrite
from handrail.schemas.topics import AGENT_EVENTS, STATES
from handrail.streams.engine.attestation import Attested
from handrail.streams.engine.attestation import read as read_attested
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.origin import LOG, NO_ORIGIN, Origin
from handrail.streams.engine.producer import Row
from handrail.streams.engine.reading import PASSED_MAX, PassedOver, beginnings, ends, reading
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import ATTESTED_KEY, PARTITION_KEY, PartitionState, decode_partition
from handrail.streams.governor.state_store import readable as could_be

PROGRESS_S = 5.0
RECORDS_MAX = 500  # loaded in one go: the event loop does nothing else meanwhile
NOT_OURS = "no worker whose key counts has written it, or nobody can read it"
PENDING_MAX = 20_000  # states that are not attested yet, while a partition is read along; beyond, it is read again
NEAR, FURTHER = 1_000, 8  # records that are looked through from the end on, and so many times more where that is vain

POSITION_BYTES = 8
POSITION = "p"  # header: eight bytes, big-endian; tombstones have no value that could carry it


def row_of(write: StateWrite, mark: bytes = b"") -> Row:
    """The changelog record of a state; `mark` names the log that a partition's own one was folded from."""
    headers = ((POSITION, write.position.to_bytes(POSITION_BYTES, "big", signed=True)),)
    return Row(write.key, write.value, (*headers, (LOG, mark)) if mark else headers)


def position_of(record: ConsumerRecord) -> int:
    """The position a state was written at. Raises EngineError."""
    for name, value in record.headers:
        if name == POSITION and len(value) == POSITION_BYTES:
            return int.from_bytes(value, "big", signed=True)
    place = f"{record.topic}[{record.partition}] offset {record.offset}"
    raise EngineError(f"{place}: no position header: something else than a worker writes to this topic; stop it")


class Loading:
    """The states of one partition on their way into its fold, in the order of the changelog.

    `key` is the worker's own: with one, only records that are attested (attestation.py) count, and what is not attested
    yet is held back until it is. Without one everything counts that can be a state. `origin` names the log that the
    states must have been folded from. `offset` is the next one to be read; `foreign` are the keys under
    which something was passed over; `keys` those whose attestations count.
    """

    def __init__(
        self, bootstrap: str, fold: PartitionFold, key: PublicKey | None, bundles: Bundles, origin: Origin = NO_ORIGIN
    ) -> None:
        self.fold, self.offset, self.attested = fold, 0, Attested()
        self.foreign: set[bytes] = set()
        self.passed: list[PassedOver] = []  # the first PASSED_MAX that are to be reported
        self.passed_n = 0
        self.overflowed = False  # more is pending than a standby may keep: begin again
        self.keys: Mapping[str, PublicKey] = {} if key is None else {key.id: key}
        self._bootstrap, self._key, self._bundles, self._origin = bootstrap, key, bundles, origin
        self._begun = key is None
        self._pending: list[ConsumerRecord] = []
        self._log_end = 0
        self._unsigned_end = 0  # up to there workers without a key have written
        self._bad: list[int] = []  # offsets below it that cannot be states

    async def read(self, on_progress: Callable[[int, int], None] = lambda *_: None) -> int:
        """Load everything from `offset` on; gives the offset after it.

        `on_progress(read, all)` is called every PROGRESS_S; records that compaction has removed count as read.
        The caller still calls `recovered` of the fold. Raises EngineError.
        """
        end = await end_of(self._bootstrap, self.fold.number)
        if not self._begun:
            await self._begin(end)
        reported_s = time.monotonic()
        async for records in _records(self._bootstrap, self.fold.number, self.offset, end):
            await self.take(records)
            if records and time.monotonic() - reported_s >= PROGRESS_S:
                reported_s = time.monotonic()
                on_progress(records[-1].offset + 1, end)
        self.offset = end
        return end

    def finish(self) -> None:
        """Nothing more comes: what is not attested by now does not count."""
        if self._pending:
            self.attested = self.attested.then(self.offset, self.offset)
        for record in self._pending:
            self._pass(record, reported=not _plausible(record))
        self._pending.clear()
        gaps = sorted({*self.attested.gaps, *((offset, offset + 1) for offset in self._bad)})
        self.attested = Attested(self.offset, tuple(gaps))

    async def take(self, records: Sequence[ConsumerRecord]) -> None:
        """The next records, with more to come. Raises EngineError where the state of another version is among them."""
        if not records:
            return
        self.offset = records[-1].offset + 1
        if self._key is None:
            for record in records:
                await self._load(record)
        else:
            await self._add_pending(records)
        self.fold.follow()

    async def _load(self, record: ConsumerRecord) -> None:
        """Without keys: loads whatever can be the state of a record that is on the log."""
        if record.key is None or record.key == ATTESTED_KEY:
            return
        self._check_mark(record)
        position = _position(record)
        if position is not None and position >= self._log_end:
            self._log_end = await log_end(self._bootstrap, self.fold.number)
        if position is None or position >= self._log_end or not self.fold.load(record.key, record.value, position):
            self._pass(record)

    async def _begin(self, end: int) -> None:
        """Which keys count, and what they have attested last."""
        self._begun, number = True, self.fold.number
        attested = await _last(self._bootstrap, self._origin.states_id, number, end, self.keys)
        newest = await newest_state(self._bootstrap, number, end, attested)
        named = await self._named(newest)
        # A key that has never governed here has nothing to hold against a bundle, but that it is named there too.
        if attested is not None or self.keys.keys() <= named.keys():
            self.keys = {**named, **self.keys}
        attested = await _last(self._bootstrap, self._origin.states_id, number, end, self.keys)
        if attested is None and newest is not None and not (newest.keys or named):  # begun by workers without a key
            self._unsigned_end, attested = end, Attested(end)
        self.attested = attested or Attested()

    async def _named(self, newest: PartitionState | None) -> Mapping[str, PublicKey]:
        """The keys that sign decisions by the bundle in force."""
        if newest is None or not await self._bundles.load(newest.ruleset):
            return {}
        return trusted(self._bundles.known[newest.ruleset].keys, "decisions")

    async def _add_pending(self, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            if record.key == ATTESTED_KEY:
                if (attested := self._attested_in(record)) is not None:
                    self.attested = self.attested.also(attested)
            elif record.key is not None:
                self._pending.append(record)
        pending, self._pending = self._pending, []
        for record in pending:
            if record.offset >= self.attested.end:
                self._pending.append(record)
            elif record.offset < self._unsigned_end:
                await self._load(record)
            elif self.attested.covers(record.offset):
                self._check_mark(record)
                self.fold.load(record.key, record.value, position_of(record), sure=True)
            else:
                self._pass(record)
        if len(self._pending) > PENDING_MAX:
            self._pending, self.overflowed = [], True

    def _attested_in(self, record: ConsumerRecord) -> Attested | None:
        return read_attested(record.value, self._origin.states_id, self.fold.number, self.keys)

    def _check_mark(self, record: ConsumerRecord) -> None:
        """Raises EngineError for a state of the partition that was folded from another log."""
        if record.key == PARTITION_KEY and state_in(record) is not None:
            self._origin.check(self.fold.number, dict(record.headers).get(LOG))

    def _pass(self, record: ConsumerRecord, reported: bool = True) -> None:
        self.foreign.add(record.key)
        self.fold.doubt(record.key)
        if record.offset < self._unsigned_end:
            self._bad.append(record.offset)
        self.passed_n += reported
        if reported and len(self.passed) < PASSED_MAX:
            self.passed.append(PassedOver(STATES, record.partition, record.offset, record.key, NOT_OURS))


def _plausible(record: ConsumerRecord) -> bool:
    """Whether an owner that was killed may have written it, and had no time to attest it."""
    position = _position(record)
    return position is not None and could_be(record.key, record.value, position)


def _position(record: ConsumerRecord) -> int | None:
    try:
        return position_of(record)
    except EngineError:
        return None


async def newest_state(
    bootstrap: str, partition: int, end: int, attested: Attested | None = None
) -> PartitionState | None:
    """The partition's own state with the highest position that its log can have, of those that can be read.

    Of those that are attested, where something is.
    """
    last, best = await log_end(bootstrap, partition), None
    async for records in _backwards(bootstrap, partition, end):
        for record in records:
            state = state_in(record) if attested is None or attested.covers(record.offset) else None
            if state is not None and state.position < last and (best is None or state.position >= best.position):
                best = state
        if best is not None:
            return best
    return None


def state_in(record: ConsumerRecord) -> PartitionState | None:
    """The partition's own state in a record; None of anything else."""
    if record.key != PARTITION_KEY or record.value is None:
        return None
    try:
        state = decode_partition(record.value)
        return state if state.position == position_of(record) else None
    except (EngineError, msgspec.MsgspecError):
        return None


async def _last(
    bootstrap: str, topic_id: str, partition: int, end: int, keys: Mapping[str, PublicKey]
) -> Attested | None:
    """The last attestation of these keys; where several workers wrote one nearby, their union."""
    async for records in _backwards(bootstrap, partition, end):
        values = [record.value for record in records if record.key == ATTESTED_KEY]
        attested = [read_attested(value, topic_id, partition, keys) for value in values]
        if valid := [attestation for attestation in attested if attestation is not None]:
            return reduce(Attested.also, valid)
    return None


async def _backwards(bootstrap: str, partition: int, end: int) -> AsyncIterator[list[ConsumerRecord]]:
    """The last records, then those before them, and so on; each time more of them."""
    near = NEAR
    tp = TopicPartition(STATES, partition)
    first = (await beginnings(bootstrap, [tp]))[tp]
    while end > first:
        start = max(first, end - near)
        yield [record async for records in _records(bootstrap, partition, start, end) for record in records]
        end, near = start, near * FURTHER


async def log_end(bootstrap: str, partition: int) -> int:
    """The offset that the next event of the partition will get."""
    tp = TopicPartition(AGENT_EVENTS, partition)
    return (await ends(bootstrap, [tp]))[tp]


async def end_of(bootstrap: str, partition: int) -> int:
    """The offset that the next state of the partition will get."""
    tp = TopicPartition(STATES, partition)
    return (await ends(bootstrap, [tp]))[tp]


async def keys_between(bootstrap: str, partition: int, first: int, end: int) -> set[bytes]:
    """The keys of the records from `first` up to, not including, `end`."""
    keys = {record.key async for records in _records(bootstrap, partition, first, end) for record in records}
    return keys - {None}


async def attested_between(
    bootstrap: str, topic_id: str, partition: int, first: int, end: int, keys: Mapping[str, PublicKey]
) -> Attested:
    """The attestations of other owners in this range."""
    attested = Attested()
    async for records in _records(bootstrap, partition, first, end):
        for record in records:
            if record.key == ATTESTED_KEY and (more := read_attested(record.value, topic_id, partition, keys)):
                attested = attested.also(more)
    return attested


async def _records(bootstrap: str, partition: int, first: int, end: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
    """At most RECORDS_MAX at a time; other tasks run in between."""
    if first >= end:
        return
    tp = TopicPartition(STATES, partition)
    async with reading(bootstrap) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, first)
        while await consumer.position(tp) < end:
            fetched = await consumer.getmany(tp, timeout_ms=1000, max_records=RECORDS_MAX)
            yield [record for record in fetched.get(tp, ()) if record.offset < end]
            await asyncio.sleep(0)
