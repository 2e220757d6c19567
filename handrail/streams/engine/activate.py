"""Put a bundle in force on a running cluster, or take a record off the topic of the bundles."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from handrail.policies import Bundle, load_bundle
from handrail.schemas.errors import ConfigError, EngineError
from handrail.schemas.keys import SigningKey
from handrail.schemas.signature import sign_ruleset
from handrail.schemas.topics import AGENT_EVENTS, POLICIES
from handrail.streams.engine import controls
from handrail.streams.engine.bundles import VOUCHED, Bundles
from handrail.streams.engine.in_force import answers, in_force, places
from handrail.streams.engine.issuer import Issuer
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.governor import trust
from handrail.streams.governor.state import PartitionState

WAIT_S = 10.0

States = Mapping[int, PartitionState]


@dataclass(frozen=True, slots=True)
class Activated:
    """What was in force before in each partition (empty: nothing), and what the workers answered.

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
    """The bundle is published, and decides all that comes behind one record in each partition that takes it.

    Workers that run go on with it; those that start with another `--policies` folder would publish theirs. What the
    workers make of the records is waited for, up to `wait_s` seconds. Raises ConfigError where no broker answers, or a
    key is needed.
    """
    await ensure_topics(bootstrap)
    bundles = Bundles(bootstrap)
    await bundles.refresh()
    states = await in_force(bootstrap)
    before = {number: one.ruleset for number, one in states.items()}
    await _check_key(bundles, states, key)
    async with Producer(bootstrap) as producer:
        published = await bundles.publish(producer, bundle, key)
        count = await producer.partitions(AGENT_EVENTS)
        if not published and [before.get(number) for number in range(count)] == [bundle.ruleset] * count:
            return Activated(before, {})
        issuer, since = Issuer(producer, key, "operator"), await places(bootstrap, count)
        event = controls.activation(bundle.ruleset, int(time.time() * 1000))
        told = {number: (await issuer.write(number, event)).first for number in range(count)}
    return Activated(before, await answers(bootstrap, since, told, bundle.ruleset, wait_s))


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
    held = {number: one.ruleset for number, one in sorted(states.items())}
    name = raw.decode(errors="replace")
    if deciding := [number for number, ruleset in held.items() if ruleset == name]:
        numbers = ", ".join(map(str, deciding))
        raise EngineError(f"{name} is in force in partitions {numbers}: activate another one first")
    await _check_key(bundles, states, key)
    headers = () if key is None else ((VOUCHED, sign_ruleset(key, name, 0)),)
    async with Producer(bootstrap) as producer:
        await producer.write(POLICIES, 0, [Row(raw, None, headers)])
    return Withdrawn(raw, held)


async def _check_key(bundles: Bundles, states: States, key: SigningKey | None) -> None:
    """Raises ConfigError where something is signed there, and no key was given."""
    if key is not None:
        return
    for number, one in states.items():
        await bundles.load(one.ruleset)
        if may := trust.keys_of(one, bundles.known.get(one.ruleset) or load_bundle(None)):
            raise ConfigError(
                f"{AGENT_EVENTS}[{number}]: {one.ruleset} is signed for with key {', '.join(sorted(may))}, so another "
                "one needs a key too: give --key FILE of a key that may sign controls"
            )
