"""Fetches of one partition: their records, their order on the log, and how many bytes of them wait in the worker."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import ConsumerRecord, TopicPartition

from handrail.schemas.errors import EngineError
from handrail.schemas.record import Record

RECORD_BYTES = 400  # what a small record costs beside its key and value, as Python objects
WAITING_BYTES_MAX = 16_000_000


@dataclass(frozen=True, slots=True)
class Fetch:
    """Records of one partition in the order of the log. `epoch` counts the seeks of the partition before it."""

    records: Sequence[Record]
    epoch: int
    size: int

    @classmethod
    def of(cls, fetched: Sequence[ConsumerRecord], epoch: int) -> "Fetch":
        """aiokafka's records of the partition, as the fold takes them."""
        records = [record_of(record) for record in fetched]
        return cls(records, epoch, sum([_size(record) for record in records]))

    def part(self, start: int, records_max: int, bytes_max: int) -> tuple[Sequence[Record], int]:
        """Records from `start` on and their bytes: `records_max` at most, up to the one that reaches `bytes_max`."""
        end, size, last = start, 0, min(start + records_max, len(self.records))
        while end < last and size < bytes_max:
            size += _size(self.records[end])
            end += 1
        return self.records[start:end], size


def _size(record: Record) -> int:
    return RECORD_BYTES + len(record.key or b"") + len(record.value or b"")


def record_of(fetched: ConsumerRecord) -> Record:
    """aiokafka's record as the fold takes it."""
    return Record(
        fetched.topic,
        fetched.partition,
        fetched.offset,
        fetched.timestamp,
        fetched.key,
        fetched.value,
        tuple(fetched.headers),
    )


class Seekable(Protocol):
    """The part of the consumer that FetchOrder needs."""

    def rewind(self, tp: TopicPartition, offset: int) -> int:
        """Read the partition again from `offset`; returns the epoch of the first fetch that does."""

    def end(self, tp: TopicPartition) -> int | None:
        """Where the partition ends, as its last fetch said; None before the first fetch."""


class FetchOrder:
    """The fetches of one partition in the order of its log: what Faust drops on the way is read again.

    Reading begins at `expected`, whatever Faust had fetched or dropped before, and continues after what was taken.
    Offsets may leave numbers out (compaction, markers of transactions), so a gap is accepted once reading from its
    beginning gives nothing in between.
    """

    def __init__(self, consumer: Seekable, tp: TopicPartition, expected: int) -> None:
        self._consumer, self._tp = consumer, tp
        self.expected, self._fresh = expected, True
        self.epoch = consumer.rewind(tp, expected)

    def accepts(self, fetch: Fetch) -> bool:
        """Whether no record is missing before this fetch; if one is, the partition is read again from there.

        Raises EngineError where the log ran back: it ends before what was taken of it.
        """
        if fetch.epoch < self.epoch:
            return False
        if fetch.records[0].offset < self.expected:
            self._check_end(fetch)
        if fetch.records[0].offset > self.expected and not self._fresh:
            self.epoch, self._fresh = self._consumer.rewind(self._tp, self.expected), True
            return False
        self._fresh = False
        return True

    def _check_end(self, fetch: Fetch) -> None:
        """Faust may read again what was committed; where there is no more than that, aiokafka began again."""
        end = self._consumer.end(self._tp)
        if end is not None and end < self.expected and fetch.records[-1].offset < self.expected:
            raise EngineError(
                f"{self._tp.topic}[{self._tp.partition}]: ran back: ends at offset {end}, and was read up to "
                f"{self.expected}: it was made again, or has lost records; nothing is decided on what was remembered"
            )


class Backlog:
    """Bytes that were fetched and are not yet processed; where there are too many, nothing more is fetched."""

    def __init__(self) -> None:
        self.bytes = 0
        self.room = asyncio.Event()
        self.room.set()

    @property
    def full(self) -> bool:
        return self.bytes >= WAITING_BYTES_MAX

    def add(self, size: int) -> None:
        self.bytes += size
        if self.full:
            self.room.clear()

    def settle(self, size: int) -> None:
        self.bytes -= size
        if not self.full:
            self.room.set()
