"""Records whose header names are no UTF-8 come through to us; aiokafka 0.14 raises on the first one, for ever.

Kafka does not look at the names of headers, and librdkafka sends whatever it is given. A consumer that raises never
gets past such a record: whoever may write the topic could stop every worker or agent with one record.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

V2 = 2  # older formats have no headers


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

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._fast
        except UnicodeDecodeError:
            # From its beginning: the fetcher passes over offsets that it has had.
            yield from LenientBatch(self._data.tobytes())


class Records(_MemoryRecordsPy):  # type: ignore[misc]
    """What one fetch of a partition brought, batch by batch."""

    def next_batch(self) -> Any:
        data = self._next_slice
        found = super().next_batch()
        return found if data is None or data[self.MAGIC_OFFSET] < V2 else Batch(found, data)


def install() -> None:
    """Every consumer of this process reads so, from its next fetch on."""
    fetcher.MemoryRecords = Records
