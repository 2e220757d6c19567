"""Dead letters on their topic: which there are, one in full, and which of them were redriven."""

from collections.abc import AsyncIterator
from dataclasses import replace
from heapq import heappush, heappushpop

from aiokafka import TopicPartition

from handrail.audit.letter import Letter, Place
from handrail.kafka.reachable import reachable
from handrail.schemas.errors import ConfigError, HandrailError
from handrail.schemas.topics import DEADLETTERS
from handrail.streams.engine.reading import beginnings, ends, partitions, scan, stretch


class NoSuchLetter(HandrailError):
    """No dead letter lies there."""


async def newest(bootstrap: str, limit: int, reason: str) -> tuple[list[Letter], int]:
    """The newest `limit` letters whose reason contains `reason`, the newest last; and how many there are of them.

    Raises ConfigError where the broker or the topic is not there.
    """
    kept: list[tuple[str, Place]] = []
    letters: dict[Place, Letter] = {}
    count = 0
    async for letter in every(bootstrap):
        if letter.is_note:
            note(letters, letter)
        elif reason.casefold() in letter.header("reason").casefold():
            count += 1
            letters[letter.where] = letter
            if len(kept) < limit:
                heappush(kept, (letter.at, letter.where))
            else:
                del letters[heappushpop(kept, (letter.at, letter.where))[1]]
    return [letters[where] for _, where in sorted(kept)], count


async def every(bootstrap: str) -> AsyncIterator[Letter]:
    """Every record of the topic without its value, partition by partition. Raises ConfigError as `newest`."""
    with reachable(bootstrap):
        await there(bootstrap)
        async for record in scan(bootstrap, [DEADLETTERS]):
            yield Letter.of(record, with_value=False)


def note(letters: dict[Place, Letter], found: Letter) -> None:
    """What a note says is in its letter, where that is among these."""
    where = found.noted
    if where is not None and where in letters:
        letters[where] = replace(letters[where], redriven=(found.at, found.header("redriven-to")))


async def one(bootstrap: str, partition: int, offset: int) -> Letter:
    """The letter at this place of the topic. Raises NoSuchLetter, and ConfigError as `newest`."""
    tp = TopicPartition(DEADLETTERS, partition)
    with reachable(bootstrap):
        known = await there(bootstrap)
        if tp not in known:
            raise NoSuchLetter(f"{DEADLETTERS}[{partition}]: no such partition, it has {len(known)}: see `list`")
        first, last = (await beginnings(bootstrap, [tp]))[tp], (await ends(bootstrap, [tp]))[tp]
        letters: dict[Place, Letter] = {}
        async for record in stretch(bootstrap, tp, max(offset, first), last):
            if record.offset == offset:
                letters[partition, offset] = Letter.of(record, with_value=True)
            elif not letters:
                break
            elif (later := Letter.of(record, with_value=False)).is_note:
                note(letters, later)
    if letters:
        return letters[partition, offset]
    raise NoSuchLetter(nothing(partition, offset, f"it has {first} to {last - 1}" if first < last else "it is empty"))


def nothing(partition: int, offset: int, held: str) -> str:
    """The line for a place without a letter."""
    return f"{DEADLETTERS}[{partition}] offset {offset}: nothing lies there, {held}: see `list`"


async def there(bootstrap: str) -> list[TopicPartition]:
    """The topic's partitions. Raises ConfigError where there is no such topic."""
    found = await partitions(bootstrap, [DEADLETTERS])
    if not found:
        raise ConfigError(f"broker {bootstrap}: no topic {DEADLETTERS}: start `handrail up` or `handrail worker` first")
    return found
