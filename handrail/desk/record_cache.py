"""Handoffs in full, compressed, the ones used last; the others are read from the log again."""

import zlib
from collections import OrderedDict
from typing import Any

import orjson

from handrail.desk.handoff_view import Place
from handrail.schemas.decode import decode_output
from handrail.schemas.handoff_revision import applied

BYTES_MAX = 256_000_000


class RecordCache:
    """Handoffs by the place of their newest revision in full, at most `bytes_max` bytes of them, compressed.

    Each is kept as it stands: with the updates that came after that revision.
    """

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._max, self._bytes = bytes_max, 0
        self._packed: OrderedDict[Place, bytes] = OrderedDict()

    def put(self, place: Place, value: bytes) -> None:
        """Keep the handoff of a record; the ones not used for longest go."""
        self._put(place, decode_output(value).raw["data"])

    def update(self, place: Place, revision: dict[str, Any]) -> None:
        """Add what is new, where the handoff is kept."""
        if (data := self.get(place)) is not None:
            self._put(place, applied(data, revision))

    def _put(self, place: Place, data: dict[str, Any]) -> None:
        self.drop(place)
        packed = zlib.compress(orjson.dumps(data), 1)
        self._packed[place] = packed
        self._bytes += len(packed)
        while self._bytes > self._max:
            self._bytes -= len(self._packed.popitem(last=False)[1])

    def drop(self, place: Place) -> None:
        """It is not needed any more."""
        self._bytes -= len(self._packed.pop(place, b""))

    def get(self, place: Place) -> dict[str, Any] | None:
        """The handoff's data, None where it is not kept."""
        if (packed := self._packed.get(place)) is None:
            return None
        self._packed.move_to_end(place)
        data: dict[str, Any] = orjson.loads(zlib.decompress(packed))
        return data
