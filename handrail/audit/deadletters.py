"""Dead letters on their topic: what each says, which there are, and which of them were redriven."""

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heappush, heappushpop
from typing import Any

from aiokafka import TopicPartition

from handrail.desk import words
from handrail.kafka.reachable import reachable
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.errors import ConfigError, HandrailError
from handrail.schemas.topics import DEADLETTERS
from handrail.streams.engine.reading import beginnings, ends, partitions, scan, stretch
from handrail.streams.governor.deadletters import FIRST_PLACE, REDRIVEN_TO, place

Headers = tuple[tuple[str, bytes], ...]
Place = tuple[int, int]
"""(partition, offset) of a letter."""
ROW = 16


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter. Of a listed one `value` is None; `size` is how many bytes it has.

    `sent` has its headers as they came, in which a name may stand twice. `redriven` says when it went back into the
    log, and to which place; None where it did not.
    """

    partition: int
    offset: int
    at_ms: int
    sent: Headers
    size: int
    value: bytes | None = None
    redriven: tuple[str, str] | None = None

    @classmethod
    def of(cls, record: Any, with_value: bool) -> "DeadLetter":
        """The aiokafka ConsumerRecord as a letter."""
        value = record.value or b""
        shown = value if with_value else None
        return cls(record.partition, record.offset, record.timestamp, tuple(record.headers), len(value), shown)

    @property
    def headers(self) -> Mapping[str, bytes]:
        """The headers by their names."""
        return {name: value or b"" for name, value in self.sent}

    def header(self, name: str) -> str:
        """What `handrail-NAME` says; empty where it is not there."""
        return self.headers.get(f"handrail-{name}", b"").decode(errors="backslashreplace")

    @property
    def at(self) -> str:
        """When it was refused, in log time (RFC 3339)."""
        return self.header("at") or to_rfc3339(self.at_ms)

    @property
    def origin(self) -> str:
        """Where the record lay: `agent.events.v1[2] offset 17`."""
        return f"{self.header('topic')}[{self.header('partition')}] offset {self.header('offset')}"

    @property
    def where(self) -> Place:
        """Partition and offset of the letter itself."""
        return self.partition, self.offset

    @property
    def place(self) -> str:
        """The place of the letter as text, as headers have it."""
        return place(DEADLETTERS, self.partition, self.offset)

    @property
    def first_place(self) -> str:
        """Where the record lay before it was redriven for the first time; where it lay, if it never was."""
        header = self.headers.get(FIRST_PLACE, b"").decode(errors="backslashreplace")
        return header or place(*(self.header(name) for name in ("topic", "partition", "offset")))

    @property
    def is_note(self) -> bool:
        """Whether it is the note of a redrive and no dead letter."""
        return REDRIVEN_TO in self.headers

    @property
    def noted(self) -> Place | None:
        """Of a note: the place of its letter; None where the note does not say it."""
        numbers = self.header("partition"), self.header("offset")
        if self.header("topic") != DEADLETTERS or not all(number.isdigit() for number in numbers):
            return None
        return int(numbers[0]), int(numbers[1])

    def plain(self) -> dict[str, Any]:
        """For programs; `value_base64` where the bytes are there."""
        report: dict[str, Any] = {"partition": self.partition, "offset": self.offset, "at": self.at}
        origin = {name: self.header(name) for name in ("topic", "partition", "offset")}
        report["from"] = origin | {
            name: int(origin[name]) for name in ("partition", "offset") if origin[name].isdigit()
        }
        report["first_place"] = self.first_place
        report["key"] = self.header("key") if "handrail-key" in self.headers else None
        report |= {"reason": self.header("reason"), "bytes": self.size}
        report["redriven"] = None if self.redriven is None else dict(zip(("at", "to"), self.redriven, strict=True))
        return report if self.value is None else report | {"value_base64": b64encode(self.value).decode()}


class NoSuchLetter(HandrailError):
    """There is no dead letter at this place."""


async def newest(bootstrap: str, limit: int, reason: str) -> tuple[list[DeadLetter], int]:
    """The newest `limit` letters whose reason contains `reason`, the newest last; and how many there are of them.

    Raises ConfigError where the broker or the topic is not there.
    """
    heap: list[tuple[str, Place]] = []
    letters: dict[Place, DeadLetter] = {}
    count = 0
    async for letter in all_letters(bootstrap):
        if letter.is_note:
            apply_note(letters, letter)
        elif reason.casefold() in letter.header("reason").casefold():
            count += 1
            letters[letter.where] = letter
            if len(heap) < limit:
                heappush(heap, (letter.at, letter.where))
            else:
                del letters[heappushpop(heap, (letter.at, letter.where))[1]]
    return [letters[where] for _, where in sorted(heap)], count


async def all_letters(bootstrap: str) -> AsyncIterator[DeadLetter]:
    """Every record of the topic without its value, partition by partition. Raises ConfigError as `newest`."""
    with reachable(bootstrap):
        await existing_partitions(bootstrap)
        async for record in scan(bootstrap, [DEADLETTERS]):
            yield DeadLetter.of(record, with_value=False)


def apply_note(letters: dict[Place, DeadLetter], note: DeadLetter) -> None:
    """Write what the note says into its letter, where that is among these."""
    where = note.noted
    if where is not None and where in letters:
        letters[where] = replace(letters[where], redriven=(note.at, note.header("redriven-to")))


async def find_letter(bootstrap: str, partition: int, offset: int) -> DeadLetter:
    """The letter at this place of the topic. Raises NoSuchLetter, and ConfigError as `newest`."""
    tp = TopicPartition(DEADLETTERS, partition)
    with reachable(bootstrap):
        existing = await existing_partitions(bootstrap)
        if tp not in existing:
            raise NoSuchLetter(f"{DEADLETTERS}[{partition}]: no such partition, it has {len(existing)}: see `list`")
        first, last = (await beginnings(bootstrap, [tp]))[tp], (await ends(bootstrap, [tp]))[tp]
        letters: dict[Place, DeadLetter] = {}
        async for record in stretch(bootstrap, tp, max(offset, first), last):
            if record.offset == offset:
                letters[partition, offset] = DeadLetter.of(record, with_value=True)
            elif not letters:
                break
            elif (later := DeadLetter.of(record, with_value=False)).is_note:
                apply_note(letters, later)
    if letters:
        return letters[partition, offset]
    raise NoSuchLetter(
        nothing_there(partition, offset, f"it has {first} to {last - 1}" if first < last else "it is empty")
    )


def nothing_there(partition: int, offset: int, contents: str) -> str:
    """The line for a place without a letter."""
    return f"{DEADLETTERS}[{partition}] offset {offset}: nothing lies there, {contents}: see `list`"


async def existing_partitions(bootstrap: str) -> list[TopicPartition]:
    """The topic's partitions. Raises ConfigError where there is no such topic."""
    existing = await partitions(bootstrap, [DEADLETTERS])
    if not existing:
        raise ConfigError(f"broker {bootstrap}: no topic {DEADLETTERS}: start `handrail up` or `handrail worker` first")
    return existing


def readable(value: bytes) -> str:
    """Text with its control characters written out, or rows of offset, hex and ASCII."""
    try:
        return words.plain(value.decode())
    except UnicodeDecodeError:
        return "\n".join(_rows(value))


def _rows(value: bytes) -> Iterator[str]:
    for at in range(0, len(value), ROW):
        row = value[at : at + ROW]
        ascii_ = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{at:08x}  {row.hex(' '):<{ROW * 3 - 1}}  {ascii_}"
