"""Which bundle decides in each partition, as the log says: what was published alone decides nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from aiokafka import ConsumerRecord, TopicPartition

from handrail.schemas.topics import DEADLETTERS, STATES
from handrail.streams.engine import changelog
from handrail.streams.engine.ends import ends
from handrail.streams.engine.reading import reading
from handrail.streams.engine.scan import partitions
from handrail.streams.governor.state import PartitionState

POLL_MS = 200
NO_ANSWER = "no worker has answered"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the answers of the workers will lie: behind these offsets."""

    states: Mapping[TopicPartition, int]
    letters: Mapping[TopicPartition, int]


async def in_force(bootstrap: str) -> dict[int, PartitionState]:
    """The newest state of each partition that any worker has had, of those that can be read."""
    last = await ends(bootstrap, await partitions(bootstrap, [STATES]))
    found = {tp.partition: await changelog.newest_state(bootstrap, tp.partition, end) for tp, end in last.items()}
    return {number: one for number, one in sorted(found.items()) if one is not None}


async def places(bootstrap: str, count: int) -> Places:
    """Before anything is told."""
    of = [[TopicPartition(topic, number) for number in range(count)] for topic in (STATES, DEADLETTERS)]
    return Places(await ends(bootstrap, of[0]), await ends(bootstrap, of[1]))


async def answers(
    bootstrap: str, since: Places, told: Mapping[int, int], ruleset: str, wait_s: float
) -> dict[int, str | None]:
    """What became of the activations at these offsets, by partition: None where it decides now, else why not."""
    found: dict[int, str | None] = {}
    letters: dict[int, str] = {}
    async with reading(bootstrap) as consumer:
        starts = {**since.states, **since.letters}
        consumer.assign(list(starts))
        for tp, offset in starts.items():
            consumer.seek(tp, offset)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while len(found) < len(told):
                    for tp, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                        _take(tp, records, told, ruleset, found, letters)
    return {number: found.get(number, letters.get(number, NO_ANSWER)) for number in told}


def by_answer(found: Mapping[int, str | None]) -> dict[str | None, list[int]]:
    """The partitions of each answer."""
    pairs = sorted(((why or "", number) for number, why in found.items()))
    return {why or None: [number for _, number in group] for why, group in groupby(pairs, key=lambda pair: pair[0])}


def listed(numbers: Sequence[int]) -> str:
    """`partition 0`, `partitions 0, 1, 2`."""
    return f"partition{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _take(
    tp: TopicPartition,
    records: Sequence[ConsumerRecord],
    told: Mapping[int, int],
    ruleset: str,
    found: dict[int, str | None],
    letters: dict[int, str],
) -> None:
    """Dead letters leave before the state that passes them, so a state that says no comes behind its reason."""
    number = tp.partition
    for record in records:
        if tp.topic == DEADLETTERS:
            headers = dict(record.headers)
            if headers.get("handrail-offset") == b"%d" % told[number]:
                letters[number] = headers.get("handrail-reason", b"").decode(errors="replace")
                found[number] = letters[number]
        elif (one := changelog.state_in(record)) is not None and one.position >= told[number]:
            if one.ruleset == ruleset:
                found[number] = None
            else:
                found.setdefault(number, letters.get(number, f"{one.ruleset or 'nothing'} is in force there"))
