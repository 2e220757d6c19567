"""What an operator says to a running cluster: one control record in each partition."""

import time
from typing import Any

import orjson

from handrail.kafka.reachable import reachable
from handrail.schemas.decode import decode
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.keys import SigningKey
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine import controls
from handrail.streams.engine.issuer import Issuer
from handrail.streams.engine.producer import Producer
from handrail.streams.engine.scan import partitions


async def tell(bootstrap: str, kind: str, data: dict[str, Any], key: SigningKey | None) -> int:
    """Write a `control.KIND` to every partition; gives how many there are.

    Raises ConfigError where the data is not what the contract says, or no broker or topic is there.
    """
    event = controls.told(kind, data, int(time.time() * 1000))
    try:
        decode(orjson.dumps(event))
    except SchemaError as error:
        raise ConfigError(str(error)) from None
    with reachable(bootstrap):
        return await _told(bootstrap, event, key)


async def _told(bootstrap: str, event: controls.Event, key: SigningKey | None) -> int:
    found = await partitions(bootstrap, [AGENT_EVENTS])
    if not found:
        raise ConfigError(f"broker {bootstrap}: no topic {AGENT_EVENTS}: start `handrail up` or a worker first")
    async with Producer(bootstrap) as producer:
        issuer = Issuer(producer, key, "operator")
        for tp in found:
            await issuer.write(tp.partition, event)
    return len(found)
