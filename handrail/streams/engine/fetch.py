"""What one fetch of one partition brought, and how much of it is still on its way through the worker."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord

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
    def of(cls, records: Sequence[ConsumerRecord], epoch: int) -> "Fetch":
        """What aiokafka brought of the partition, as the fold takes it."""
        found = [record_of(record) for record in records]
        return cls(found, epoch, sum([_size(record) for record in found]))

    def part(self, start: int, records_max: int, bytes_max: int) -> tuple[Sequence[Record], int]:
        """Records from `start` on and their bytes: `records_max` at most, up to the one that reaches `bytes_max`."""
        end, size, last = start, 0, min(start + records_max, len(self.records))
        while end < last and size < bytes_max:
            size += _size(self.records[end])
            end += 1
        return self.records[start:end], size


def _size(record: Record) -> int:
    return RECORD_BYTES + len(record.key or b"") + len(record.value or b"")


def record_of(found: ConsumerRecord) -> Record:
    """The record as the fold takes it."""
    return Record(
        found.topic, found.partition, found.offset, found.timestamp, found.key, found.value, tuple(found.headers)
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
