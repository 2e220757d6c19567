"""Patches of the fetcher of aiokafka 0.14, for what it raises on, hoards or does slowly; `install` before its use.

Batches: no record of any writer stops a reader. Kafka does not look at the names of headers, and librdkafka sends any
bytes: names that are no UTF-8 are escaped. A batch that cannot be unpacked, is damaged, or has an
unknown codec becomes one record: its bytes, at its last offset, with the header UNREAD, which says why.

Memory: a seek or a rebalance drops what was fetched and not yet read, 9 MB of a partition at most. aiokafka leaves it
in a cycle of references until Python looks for cycles, which processes that fold do rarely (`collect_less`).

Speed: records are named tuples, made in a quarter of the time of aiokafka's frozen dataclass. `getall` returns up to
BYTES_MAX at a time, since compressed records may unpack to many times their size.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from handrail.kafka import codecs
from handrail.schemas.envelope import UNREAD

V2 = 2  # older formats have no headers
OFFSET_BYTES = 8  # the first of a batch, before anything else
CODECS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
TODO = "send its events again, by gzip, snappy, lz4, zstd or not compressed, in batches of 8 MB at most"
BYTES_MAX = (
    9_000_000  # of keys and values of one partition, given out at a time; the record that reaches it is the last
)


def install() -> None:
    """Every consumer of this process uses the patches, from its next fetch on."""
    codecs.install()
    fetcher.MemoryRecords = LenientRecords
    fetcher.PartitionRecords = PartitionRecords
    fetcher.ConsumerRecord = FetchedRecord
    fetcher.FetchResult.getall = getall  # no class of our own: aiokafka compares it, also with what was made before


# --- batches that cannot be read


class UnreadBatch(NamedTuple):
    """A batch that could not be read, in the fields of a record of aiokafka."""

    offset: int
    timestamp: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    key: None = None
    timestamp_type: int = 0
    checksum: None = None


class LenientBytes(bytearray):
    """Bytes whose parts always decode: what is no UTF-8 is escaped as `\\xff`."""

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return LenientBytes(part) if isinstance(at, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class LenientPythonBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's own slow reader of a batch, over such bytes."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = LenientBytes(self._buffer)


class LenientBatch:
    """A batch as aiokafka's fast reader has it; read by the slow one where the fast one cannot."""

    def __init__(self, fast: Any, data: memoryview) -> None:
        self._fast, self._data = fast, data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    @property
    def next_offset(self) -> int:
        """Where the next batch begins; a damaged one leads no reader back."""
        return max(self._first + 1, int(self._fast.next_offset))

    def validate_crc(self) -> bool:
        """Always true for aiokafka, which would raise: a damaged batch is read as an UnreadBatch."""
        return True

    def __iter__(self) -> Iterator[Any]:
        record = None
        if not self._fast.validate_crc():
            yield self._unread("its checksum does not fit: it was damaged")
            return
        try:
            for record in self._fast:
                yield record
        except UnicodeDecodeError:
            yield from self._leniently()
        except Exception as error:  # of codecs, and of what is made of bytes that are no records
            yield from self._rest(record, error)

    def _leniently(self) -> Iterator[Any]:
        """From its beginning: the fetcher passes over offsets that it has had."""
        record = None
        try:
            for record in LenientPythonBatch(self._data.tobytes()):
                yield record
        except Exception as error:
            yield from self._rest(record, error)

    def _rest(self, record: Any, error: Exception) -> Iterator[UnreadBatch]:
        """What follows the last record that could be read, if anything does."""
        if record is None or record.offset < self.next_offset - 1:
            yield self._unread(" ".join(str(error).split()) or type(error).__name__)

    @property
    def _first(self) -> int:
        return int.from_bytes(self._data[:OFFSET_BYTES], "big", signed=True)

    def _unread(self, why: str) -> UnreadBatch:
        last = self.next_offset - 1
        old = self._data[_MemoryRecordsPy.MAGIC_OFFSET] < V2
        kind = 0 if old else self._fast.attributes & _DefaultRecordBatchPy.CODEC_MASK
        codec = f" ({CODECS.get(kind, f'codec {kind}')})" if kind else ""
        line = f"batch of offsets {self._first} to {last}{codec}: {why}: {TODO}"
        timestamp_ms = -1 if old else int(self._fast.max_timestamp)
        return UnreadBatch(last, timestamp_ms, bytes(self._data), ((UNREAD, line.encode()),))


class LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]
    """What one fetch of a partition returned, batch by batch."""

    def next_batch(self) -> Any:
        data = self._next_slice
        batch = super().next_batch()
        return batch if data is None else LenientBatch(batch, data)


# --- fetches that are dropped before they are read


class PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Begins to read itself when it is asked for its first record: until then nothing refers back to it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._records_iterator: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        if self._records_iterator is None:
            self._records_iterator = self._unpack_records()
        return self._records_iterator

    def __next__(self) -> Any:
        return next(iter(self))


# --- records


class FetchedRecord(NamedTuple):
    """The fields of aiokafka's `ConsumerRecord`, in its order. `timestamp` is in milliseconds since 1970-01-01 UTC.

    It is read by attribute only: `dataclasses.replace` and `isinstance` of aiokafka's own do not take it for one.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    checksum: int | None
    serialized_key_size: int
    serialized_value_size: int
    headers: Sequence[tuple[str, bytes]]


def getall(self: Any, max_records: int | None = None) -> list[FetchedRecord]:
    """As aiokafka's `FetchResult.getall`, up to BYTES_MAX: the rest stays packed."""
    if not self.check_assignment(self._topic_partition) or not self.has_more():
        return []
    records, size = list[FetchedRecord](), 0
    for record in self._partition_records:
        records.append(record)
        size += record.serialized_key_size + record.serialized_value_size
        if size >= BYTES_MAX or len(records) == max_records:
            self._update_position()
            return records
    self._update_position()
    self._partition_records = None
    return records
