"""Put a bundle in force on a running cluster."""

import time
from dataclasses import dataclass

from handrail.policies import Bundle
from handrail.schemas.errors import ConfigError
from handrail.schemas.keys import SigningKey
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine import controls
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.issuer import Issuer
from handrail.streams.engine.producer import Producer
from handrail.streams.engine.topics import ensure_topics


@dataclass(frozen=True, slots=True)
class Activated:
    """The bundle in force before (empty: none), and the partitions that were told; 0 where it was in force already."""

    before: str
    partitions: int


async def activate(bootstrap: str, bundle: Bundle, key: SigningKey | None = None) -> Activated:
    """The bundle is published, and decides all that comes behind one record in each partition.

    Workers that run go on with it; those that start with another `--policies` folder would publish theirs. Raises
    ConfigError where no broker answers, EngineError where a published bundle cannot be read.
    """
    await ensure_topics(bootstrap)
    bundles = Bundles(bootstrap)
    await bundles.refresh()
    before = bundles.newest
    if bundles.vouched and key is None:
        raise ConfigError(
            f"{before} is vouched for with a key, so another one needs one too: give --key FILE of a key that may sign "
            "controls"
        )
    async with Producer(bootstrap) as producer:
        if not await bundles.publish(producer, bundle, key):
            return Activated(before, 0)
        issuer = Issuer(producer, key, "operator")
        count = await producer.partitions(AGENT_EVENTS)
        for partition in range(count):
            await issuer.write(partition, controls.activation(bundle.ruleset, int(time.time() * 1000)))
    return Activated(before, count)
