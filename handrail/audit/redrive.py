"""Dead letters back into the topic they came from: the same bytes under the same key, each once.

A redriven record says in its headers which dead letter it was. After it, a note is written to the topic of the dead
letters, under the letter's place. Before anything is written, letters without a note are looked for in their target
topic, so that a redrive that was interrupted between the two writes continues and writes nothing twice.
"""

import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from aiokafka import TopicPartition

from handrail.audit.deadletters import DeadLetter, NoSuchLetter, Place, all_letters, apply_note, nothing_there
from handrail.kafka.reachable import reachable
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.errors import ConfigError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, RESOLUTIONS
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.reading import beginnings, ends, partitions, reading, stretch
from handrail.streams.governor.deadletters import FIRST_PLACE, OWN, REDRIVEN_FROM, REDRIVEN_TO, place

LETTERS_MAX = 10_000  # in one run; kept in memory without their values, about 1 kB each
CHUNK_LETTERS, CHUNK_BYTES = 500, 8_000_000  # written and noted together
NOTE_KEY = b"redriven"
SKEW_MS = 600_000  # by how much the clocks of a worker and of a broker may differ


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of one letter: `place` is where its record lies now, `before` whether an earlier run put it there.

    In a dry run `place` names the partition alone.
    """

    letter: DeadLetter
    place: str
    before: bool


async def select_letters(bootstrap: str, wanted: Collection[Place] | None, reason: str) -> tuple[list[DeadLetter], int]:
    """The letters at these places (None: all), whose reason contains `reason`, the oldest first; how many are left out.

    Of all, at most LETTERS_MAX that were not redriven yet. Raises NoSuchLetter and ConfigError.
    """
    letters: dict[Place, DeadLetter] = {}
    async for letter in all_letters(bootstrap):
        if letter.is_note:
            apply_note(letters, letter)
            if wanted is None and letter.noted is not None:
                letters.pop(letter.noted, None)
        elif (wanted is None or letter.where in wanted) and reason.casefold() in letter.header("reason").casefold():
            letters[letter.where] = letter
    for where in wanted or ():
        if where not in letters:
            raise NoSuchLetter(
                nothing_there(*where, f"or not with the reason {reason!r}" if reason else "or no dead letter")
            )
    matches = sorted(letters.values(), key=lambda letter: (letter.at, letter.partition, letter.offset))
    return matches[:LETTERS_MAX], max(0, len(matches) - LETTERS_MAX)


class Redrive:
    """One run over selected letters; `run` gives what became of each, in their order."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._counts: dict[str, int] = {}

    async def run(self, letters: Sequence[DeadLetter], dry: bool) -> AsyncIterator[Redriven]:
        """Each letter is back in the log, acknowledged and noted, when it is given. Raises ConfigError."""
        with reachable(self._bootstrap):
            for tp in await partitions(self._bootstrap, (AGENT_EVENTS, RESOLUTIONS)):
                self._counts[tp.topic] = self._counts.get(tp.topic, 0) + 1
            targets = {letter.place: self._target(letter) for letter in letters}
            earlier = await self._find_earlier([letter for letter in letters if letter.redriven is None], targets)
            async with Producer(self._bootstrap) as producer:
                for chunk in _chunks(letters):
                    async for outcome in self._chunk(producer, chunk, targets, earlier, dry):
                        yield outcome

    def _target(self, letter: DeadLetter) -> TopicPartition:
        """Where the record belongs: by its key, or where it lay, if it has none or is a control for everybody."""
        topic, number = letter.header("topic"), letter.header("partition")
        if topic not in self._counts or not number.isdigit():
            raise ConfigError(
                f"{letter.place}: came from {letter.origin}: only {AGENT_EVENTS} and {RESOLUTIONS} can be redriven"
            )
        key = letter.headers.get("handrail-key")
        if key is None or key == CONTROL_KEY.encode():
            return TopicPartition(topic, int(number))
        return TopicPartition(topic, partition_of(key, self._counts[topic]))

    async def _find_earlier(
        self, letters: Sequence[DeadLetter], targets: Mapping[str, TopicPartition]
    ) -> dict[str, str]:
        """Place of a letter -> place of its record, for those that an earlier run has written and not noted."""
        wanted = {letter.place.encode(): letter.place for letter in letters}
        places: dict[str, str] = {}
        if not letters:
            return places
        since_ms = max(0, min(letter.at_ms for letter in letters) - SKEW_MS)
        tps = sorted({targets[letter.place] for letter in letters})
        first, last = await self._since(tps, since_ms), await ends(self._bootstrap, tps)
        for tp in tps:
            async for record in stretch(self._bootstrap, tp, first[tp], last[tp]):
                for name, value in record.headers:
                    if name == REDRIVEN_FROM and value in wanted:
                        places.setdefault(wanted[value], place(tp.topic, tp.partition, record.offset))
        return places

    async def _since(self, tps: list[TopicPartition], at_ms: int) -> dict[TopicPartition, int]:
        """The first offset of each that is not older than `at_ms`; everything where the broker does not say."""
        first = await beginnings(self._bootstrap, tps)
        async with reading(self._bootstrap) as consumer:
            times = await consumer.offsets_for_times(dict.fromkeys(tps, at_ms))
        return {tp: max(first[tp], times[tp].offset) if times.get(tp) else first[tp] for tp in tps}

    async def _chunk(
        self,
        producer: Producer,
        letters: Sequence[DeadLetter],
        targets: Mapping[str, TopicPartition],
        earlier_places: dict[str, str],
        dry: bool,
    ) -> AsyncIterator[Redriven]:
        missing = [letter for letter in letters if letter.redriven is None and letter.place not in earlier_places]
        written = {} if dry else await self._write(producer, missing, targets)
        if not dry:
            unnoted = [letter for letter in letters if letter.redriven is None]
            await self._note(producer, unnoted, earlier_places | written)
        for letter in letters:
            tp = targets[letter.place]
            earlier_place = letter.redriven[1] if letter.redriven is not None else earlier_places.get(letter.place)
            where = earlier_place or written.get(letter.place) or f"{tp.topic}[{tp.partition}]"
            yield Redriven(letter, where, before=earlier_place is not None)

    async def _write(
        self, producer: Producer, letters: Sequence[DeadLetter], targets: Mapping[str, TopicPartition]
    ) -> dict[str, str]:
        """Place of each letter -> place of its record, all acknowledged."""
        values = await self._values(letters)
        by_target: dict[TopicPartition, list[DeadLetter]] = {}
        for letter in letters:
            by_target.setdefault(targets[letter.place], []).append(letter)
        written: dict[str, str] = {}
        for tp, letters_of_target in by_target.items():
            rows = [_record_row(letter, values[letter.place]) for letter in letters_of_target]
            batches = await producer.write(tp.topic, tp.partition, rows)
            offsets = chain.from_iterable(range(batch.first, batch.first + batch.count) for batch in batches)
            for letter, offset in zip(letters_of_target, offsets, strict=True):
                written[letter.place] = place(tp.topic, tp.partition, offset)
        return written

    async def _values(self, letters: Iterable[DeadLetter]) -> dict[str, bytes]:
        """The bytes of each letter, by its place."""
        by_partition: dict[int, set[int]] = {}
        for letter in letters:
            by_partition.setdefault(letter.partition, set()).add(letter.offset)
        values: dict[str, bytes] = {}
        for number, offsets in by_partition.items():
            tp = TopicPartition(DEADLETTERS, number)
            async for record in stretch(self._bootstrap, tp, min(offsets), max(offsets) + 1):
                if record.offset in offsets:
                    letter = DeadLetter.of(record, with_value=True)
                    values[letter.place] = letter.value or b""
        return values

    async def _note(self, producer: Producer, letters: Iterable[DeadLetter], places: Mapping[str, str]) -> None:
        rows: dict[int, list[Row]] = {}
        for letter in letters:
            rows.setdefault(letter.partition, []).append(_note_row(letter, places[letter.place]))
        for number, rows_of_partition in rows.items():
            await producer.write(DEADLETTERS, number, rows_of_partition)


def _chunks(letters: Iterable[DeadLetter]) -> Iterator[list[DeadLetter]]:
    chunk: list[DeadLetter] = []
    size = 0
    for letter in letters:
        if chunk and (len(chunk) == CHUNK_LETTERS or size + letter.size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(letter)
        size += letter.size
    if chunk:
        yield chunk


def _record_row(letter: DeadLetter, value: bytes) -> Row:
    """The record as it was, and where it comes from."""
    dropped = {*OWN, REDRIVEN_FROM, FIRST_PLACE}
    headers = [(name, content) for name, content in letter.sent if name not in dropped]
    headers += [(REDRIVEN_FROM, letter.place.encode()), (FIRST_PLACE, letter.first_place.encode())]
    was_null = "handrail-null" in letter.headers and not value
    return Row(letter.headers.get("handrail-key"), None if was_null else value, headers)


def _note_row(letter: DeadLetter, where: str) -> Row:
    """The note; it has the headers of a dead letter, so that every reader of the topic can read it too."""
    headers = {
        "handrail-topic": DEADLETTERS,
        "handrail-partition": str(letter.partition),
        "handrail-offset": str(letter.offset),
        "handrail-reason": f"redriven to {where}",
        "handrail-at": to_rfc3339(int(time.time() * 1000)),
        REDRIVEN_TO: where,
    }
    return Row(NOTE_KEY, b"", [(name, text.encode()) for name, text in headers.items()])
