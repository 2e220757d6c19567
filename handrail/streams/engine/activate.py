"""Put a bundle in force on a running cluster, or take a record off the topic of the bundles.

What decides in a partition is what its log has activated: what was published alone decides nothing.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from aiokafka import ConsumerRecord, TopicPartition

from handrail.policies import Bundle, load_bundle
from handrail.schemas.errors import ConfigError, EngineError
from handrail.schemas.keys import SigningKey
from handrail.schemas.signature import sign_ruleset
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, POLICIES, STATES
from handrail.streams.engine import changelog, controls
from handrail.streams.engine.bundles import VOUCHED, Bundles
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.reading import ends, partitions, reading
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.governor import trust
from handrail.streams.governor.state import PartitionState

WAIT_S = 10.0
POLL_MS = 200
NO_ANSWER = "no worker has answered"

States = Mapping[int, PartitionState]


@dataclass(frozen=True, slots=True)
class Activated:
    """The bundle in force before in each partition (empty: none), and the answers of the workers.

    `answers`: None where the bundle decides now, else why not; empty where it was in force everywhere already.
    """

    before: Mapping[int, str]
    answers: Mapping[int, str | None]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The record's key, and the bundle that is in force in each partition."""

    key: bytes
    in_force: Mapping[int, str]


async def activate(bootstrap: str, bundle: Bundle, key: SigningKey | None = None, wait_s: float = WAIT_S) -> Activated:
    """The bundle is published, and decides all that follows one record in each partition that accepts it.

    Workers that run go on with it; those that start with another `--policies` folder would publish theirs. Waits up to
    `wait_s` seconds for what the workers answer. Raises ConfigError where no broker answers, or a key is needed.
    """
    await ensure_topics(bootstrap)
    bundles = Bundles(bootstrap)
    await bundles.refresh()
    states = await in_force(bootstrap)
    before = {number: state.ruleset for number, state in states.items()}
    await _check_key(bundles, states, key)
    async with Producer(bootstrap) as producer:
        published = await bundles.publish(producer, bundle, key)
        count = await producer.partitions(AGENT_EVENTS)
        if not published and [before.get(number) for number in range(count)] == [bundle.ruleset] * count:
            return Activated(before, {})
        issuer, since = Issuer(producer, key, "operator"), await answer_offsets(bootstrap, count)
        event = controls.activation(bundle.ruleset, int(time.time() * 1000))
        activations = {number: (await issuer.write(number, event)).first for number in range(count)}
    return Activated(before, await wait_for_answers(bootstrap, since, activations, bundle.ruleset, wait_s))


async def withdraw(bootstrap: str, named: str, key: SigningKey | None = None) -> Withdrawn:
    """A tombstone lies under the record's key; `named` is the key, or the record's offset.

    Raises ConfigError where a key is needed, EngineError where the bundle is in force or no such record is there.
    """
    await ensure_topics(bootstrap)
    bundles = Bundles(bootstrap)
    await bundles.refresh()
    raw = bundles.key_of(named)
    if raw is None:
        raise EngineError(f"{POLICIES}: nothing lies under {named!r}: name a record's key or its offset")
    states = await in_force(bootstrap)
    rulesets = {number: state.ruleset for number, state in sorted(states.items())}
    name = raw.decode(errors="replace")
    if deciding := [number for number, ruleset in rulesets.items() if ruleset == name]:
        numbers = ", ".join(map(str, deciding))
        raise EngineError(f"{name} is in force in partitions {numbers}: activate another one first")
    await _check_key(bundles, states, key)
    headers = () if key is None else ((VOUCHED, sign_ruleset(key, name, 0)),)
    async with Producer(bootstrap) as producer:
        await producer.write(POLICIES, 0, [Row(raw, None, headers)])
    return Withdrawn(raw, rulesets)


async def _check_key(bundles: Bundles, states: States, key: SigningKey | None) -> None:
    """Raises ConfigError where the bundle in force is signed, and no key was given."""
    if key is not None:
        return
    for number, state in states.items():
        await bundles.load(state.ruleset)
        if may := trust.keys_of(state, bundles.known.get(state.ruleset) or load_bundle(None)):
            raise ConfigError(
                f"{AGENT_EVENTS}[{number}]: {state.ruleset} is signed for with key {', '.join(sorted(may))}, so "
                "another one needs a key too: give --key FILE of a key that may sign controls"
            )


async def in_force(bootstrap: str) -> dict[int, PartitionState]:
    """The newest readable state of each partition that any worker has governed."""
    last = await ends(bootstrap, await partitions(bootstrap, [STATES]))
    newest = {tp.partition: await changelog.newest_state(bootstrap, tp.partition, end) for tp, end in last.items()}
    return {number: state for number, state in sorted(newest.items()) if state is not None}


# --- what the workers answer


@dataclass(frozen=True, slots=True)
class AnswerOffsets:
    """The offsets from which on the answers of the workers will lie."""

    states: Mapping[TopicPartition, int]
    letters: Mapping[TopicPartition, int]


async def answer_offsets(bootstrap: str, count: int) -> AnswerOffsets:
    """To be asked before the activations are written."""
    of = [[TopicPartition(topic, number) for number in range(count)] for topic in (STATES, DEADLETTERS)]
    return AnswerOffsets(await ends(bootstrap, of[0]), await ends(bootstrap, of[1]))


async def wait_for_answers(
    bootstrap: str, since: AnswerOffsets, activations: Mapping[int, int], ruleset: str, wait_s: float
) -> dict[int, str | None]:
    """The outcome of the activations at these offsets, by partition: None where it decides now, else why not."""
    answers: dict[int, str | None] = {}
    letters: dict[int, str] = {}
    async with reading(bootstrap) as consumer:
        starts = {**since.states, **since.letters}
        consumer.assign(list(starts))
        for tp, offset in starts.items():
            consumer.seek(tp, offset)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while len(answers) < len(activations):
                    for tp, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                        _take(tp, records, activations, ruleset, answers, letters)
    return {number: answers.get(number, letters.get(number, NO_ANSWER)) for number in activations}


def _take(
    tp: TopicPartition,
    records: Sequence[ConsumerRecord],
    activations: Mapping[int, int],
    ruleset: str,
    answers: dict[int, str | None],
    letters: dict[int, str],
) -> None:
    """Dead letters are written before the state that passes them, so a state that says no follows its reason."""
    number = tp.partition
    for record in records:
        if tp.topic == DEADLETTERS:
            headers = dict(record.headers)
            if headers.get("handrail-offset") == b"%d" % activations[number]:
                letters[number] = headers.get("handrail-reason", b"").decode(errors="replace")
                answers[number] = letters[number]
        elif (state := changelog.state_in(record)) is not None and state.position >= activations[number]:
            if state.ruleset == ruleset:
                answers[number] = None
            else:
                answers.setdefault(number, letters.get(number, f"{state.ruleset or 'nothing'} is in force there"))


def by_answer(answers: Mapping[int, str | None]) -> dict[str | None, list[int]]:
    """The partitions of each answer."""
    pairs = sorted(((why or "", number) for number, why in answers.items()))
    return {why or None: [number for _, number in group] for why, group in groupby(pairs, key=lambda pair: pair[0])}


def listed(numbers: Sequence[int]) -> str:
    """`partition 0`, `partitions 0, 1, 2`."""
    return f"partition{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
