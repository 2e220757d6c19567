"""Messages as the stdio transport has them: one a line, ended by a line feed. Bytes in, the same bytes out."""

from collections.abc import Iterator
from dataclasses import dataclass

MESSAGE_BYTES_MAX = 10_000_000
CHUNK_BYTES = 65_536
END = b"\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One message with the end of its line; or a piece of one that is too large to be looked at, the last one so."""

    raw: bytes
    whole: bool = True
    last: bool = True

    @property
    def blank(self) -> bool:
        """Nothing but space."""
        return not self.raw.strip()


class Framer:
    """Cuts what arrives in chunks into lines. It holds at most one message of `bytes_max` bytes and one chunk."""

    def __init__(self, bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        self._max, self._rest, self._large = bytes_max, bytearray(), False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that this chunk ends, and the pieces of one that is too large."""
        *ended, rest = chunk.split(END)
        for part in ended:
            yield self._ended(part + END)
        self._rest += rest
        if self._large or len(self._rest) > self._max:
            self._large = True
            yield Line(self._taken(), whole=False, last=False)

    def end(self) -> Iterator[Line]:
        """What came after the last line feed, as a line."""
        if self._rest or self._large:
            yield self._ended(END)

    def _ended(self, part: bytes) -> Line:
        raw = self._taken() + part
        whole = not self._large and len(raw) <= self._max + len(END)
        self._large = False
        return Line(raw, whole)

    def _taken(self) -> bytes:
        taken = bytes(self._rest)
        self._rest.clear()
        return taken
