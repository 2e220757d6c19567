"""What is held of one conversation's decisions while they are checked against each other. Pure."""

from dataclasses import dataclass

KEPT_BYTES = 16  # of each digest, for copies that come later: nobody finds two decisions that agree in so many


@dataclass(slots=True)
class Chain:
    """The decisions since the offset `since` at which the conversation was begun.

    `last` is the digest over all of them, which the next one carries; `digests` has the start of each digest, from the
    one over the first `first` decisions on. The last decision lies at `offset`, -1 before there is one, and answers the
    record at `position`, before that the one at `since`.
    """

    since: int
    first: int
    last: bytes
    digests: bytearray
    position: int
    offset: int = -1

    @classmethod
    def at(cls, since: int, first: int, digest: bytes) -> "Chain":
        """Nothing is known but what the first decision that is there says of those before it."""
        return cls(since, first, digest, bytearray(digest[:KEPT_BYTES]), since)

    @property
    def links(self) -> int:
        """How many decisions come before the next one."""
        return self.first + len(self.digests) // KEPT_BYTES - 1

    def digest(self, before: int) -> bytes:
        """The start of the digest over that many decisions; `before` is from `first` to `links`."""
        at = (before - self.first) * KEPT_BYTES
        return bytes(self.digests[at : at + KEPT_BYTES])

    def begin(self, first: int, digest: bytes) -> None:
        """Go on from what a decision says; what is known of those before it is given up."""
        self.first, self.last, self.digests = first, digest, bytearray(digest[:KEPT_BYTES])

    def extend(self, digest: bytes, offset: int, position: int) -> None:
        """One more decision."""
        self.last, self.offset, self.position = digest, offset, position
        self.digests += digest[:KEPT_BYTES]
