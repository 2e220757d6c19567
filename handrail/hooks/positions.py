"""From where a hook's consumer group goes on, and what of a partition is settled: delivered, given up, or not wanted.

A consumer group stores one number a partition: before it, all is settled. What is settled after it stands in the
metadata of the commit, which Kafka gives back, so that after a crash only what was settled since the last commit is
sent again. A broker that forgets metadata (the embedded one does) costs repeats, never a loss.
"""

import zlib
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from typing import Literal

from aiokafka import TopicPartition

from handrail.streams.engine.reading import beginnings, ends
from handrail.streams.engine.topics import Admin

Places = dict[TopicPartition, tuple[int, str]]
"""The position, and the metadata of its commit."""
SPAN_MAX = 20_000  # offsets between the oldest unsettled one and the newest; the metadata of all has 3.4 kB at most
METADATA_MAX = 4_000  # characters; brokers take 4,096 (offset.metadata.max.bytes)
UNPACKED_MAX = SPAN_MAX // 8 + 1
_MARK = "s1:"


async def starting(
    bootstrap: str, group: str, partitions: Sequence[TopicPartition], since: Literal["now", "beginning"]
) -> Places:
    """Where each partition is read from: its last commit, else where the hook says. Raises what aiokafka raises.

    A commit beyond the end of its partition is of a log that is gone: what is there now is read from its beginning.
    """
    if not partitions:
        return {}
    admin = Admin(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        known = await admin.list_consumer_group_offsets(group, partitions=list(partitions))
    finally:
        await admin.close()
    places = {tp: (commit.offset, commit.metadata or "") for tp, commit in known.items() if commit.offset >= 0}
    last = await ends(bootstrap, places)
    if gone := [tp for tp, (offset, _) in places.items() if offset > last[tp]]:
        first = await beginnings(bootstrap, gone)
        places |= {tp: (first[tp], "") for tp in gone}
    if new := [tp for tp in partitions if tp not in places]:
        first = await (ends if since == "now" else beginnings)(bootstrap, new)
        places |= {tp: (first[tp], "") for tp in new}
    return places


class Window:
    """One partition from its committed position on."""

    def __init__(self, position: int, metadata: str = "") -> None:
        self.position = position  # the oldest offset that is not settled
        self.next = position  # the offset after the newest one seen
        self._settled = _unpacked(metadata, position)

    @property
    def span(self) -> int:
        """How far the newest one is ahead of the oldest unsettled one."""
        return self.next - self.position

    def see(self, offset: int) -> bool:
        """This offset was read; False where it is settled already. Offsets between that nobody has are settled."""
        if self.position >= self.next:  # nothing waits, however far the log has been cut off
            self.position = max(self.position, offset)
            self._settled = {other for other in self._settled if other >= self.position}
        else:
            self._settled.update(range(self.next, offset))
        self.next = max(self.next, offset + 1)
        new = self.unsettled(offset)
        self._advance()
        return new

    def settle(self, offset: int) -> None:
        """This offset needs nothing more."""
        if offset >= self.position:
            self._settled.add(offset)
            self._advance()

    def unsettled(self, offset: int) -> bool:
        """Whether this offset still has to be delivered."""
        return offset >= self.position and offset not in self._settled

    def metadata(self) -> str:
        """What is settled after `position`, for the commit."""
        if not (ahead := [offset - self.position for offset in self._settled]):
            return ""
        bits = bytearray(max(ahead) // 8 + 1)
        for distance in ahead:
            bits[distance // 8] |= 1 << distance % 8
        packed = _MARK + b64encode(zlib.compress(bytes(bits))).decode()
        return packed if len(packed) <= METADATA_MAX else ""

    def _advance(self) -> None:
        while self.position in self._settled:
            self._settled.remove(self.position)
            self.position += 1
        self.next = max(self.next, self.position)


def _unpacked(metadata: str, position: int) -> set[int]:
    """Empty where it is not ours, or cannot be read: repeats are allowed, gaps are not."""
    if not metadata.startswith(_MARK):
        return set()
    try:
        raw = zlib.decompressobj().decompress(b64decode(metadata[len(_MARK) :], validate=True), UNPACKED_MAX)
    except (Error, ValueError, zlib.error):
        return set()
    return {position + at for at in range(8 * len(raw)) if raw[at // 8] >> at % 8 & 1}
