"""Records that aiokafka 0.14 raises on, for ever, come through to us: whoever may write a topic stops nobody with one.

Kafka does not look at the names of headers, and librdkafka sends whatever it is given: names that are no UTF-8 are
written out. A batch that cannot be unpacked, is damaged, or is of a codec that nobody knows is one record: its bytes,
at its last offset, with the header UNREAD, which says why.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from handrail.schemas.envelope import UNREAD

V2 = 2  # older formats have no headers
OFFSET_BYTES = 8  # the first of a batch, before anything else
CODECS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
TODO = "send its events again, by gzip, snappy, lz4, zstd or not compressed, in batches of 8 MB at most"


class Unread(NamedTuple):
    """What could not be read, in the fields of a record of aiokafka."""

    offset: int
    timestamp: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    key: None = None
    timestamp_type: int = 0
    checksum: None = None


class LenientBytes(bytearray):
    """Bytes whose parts become text in any case: what is no UTF-8 is written out as `\\xff`."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return LenientBytes(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's own slow reader of a batch, over such bytes."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = LenientBytes(self._buffer)


class Batch:
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
        """Always, to aiokafka, which would raise: what is damaged is given as what it is."""
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
            for record in LenientBatch(self._data.tobytes()):
                yield record
        except Exception as error:
            yield from self._rest(record, error)

    def _rest(self, record: Any, error: Exception) -> Iterator[Unread]:
        """What comes behind the last record that could be read, if any does."""
        if record is None or record.offset < self.next_offset - 1:
            yield self._unread(" ".join(str(error).split()) or type(error).__name__)

    @property
    def _first(self) -> int:
        return int.from_bytes(self._data[:OFFSET_BYTES], "big", signed=True)

    def _unread(self, why: str) -> Unread:
        last = self.next_offset - 1
        old = self._data[_MemoryRecordsPy.MAGIC_OFFSET] < V2
        kind = 0 if old else self._fast.attributes & _DefaultRecordBatchPy.CODEC_MASK
        codec = f" ({CODECS.get(kind, f'codec {kind}')})" if kind else ""
        line = f"batch of offsets {self._first} to {last}{codec}: {why}: {TODO}"
        timestamp_ms = -1 if old else int(self._fast.max_timestamp)
        return Unread(last, timestamp_ms, bytes(self._data), ((UNREAD, line.encode()),))


class Records(_MemoryRecordsPy):  # type: ignore[misc]
    """What one fetch of a partition brought, batch by batch."""

    def next_batch(self) -> Any:
        data = self._next_slice
        found = super().next_batch()
        return found if data is None else Batch(found, data)


def install() -> None:
    """Every consumer of this process reads so, from its next fetch on."""
    fetcher.MemoryRecords = Records
