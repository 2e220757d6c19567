"""Controls of an operator on a running cluster: one record in each partition, or in a conversation's own."""

import time
from collections.abc import Sequence
from typing import Any

import orjson
from aiokafka import TopicPartition

from handrail.kafka.reachable import reachable
from handrail.schemas.decode import decode
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.keys import SigningKey
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine import controls
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.producer import Producer
from handrail.streams.engine.reading import partitions


async def publish_control(bootstrap: str, kind: str, data: dict[str, Any], key: SigningKey | None) -> int:
    """Write a `control.KIND` to every partition; returns how many there are.

    Raises ConfigError where the data is not what the contract says, or no broker or topic is there.
    """
    event = controls.operator_control(kind, data, int(time.time() * 1000))
    try:
        decode(orjson.dumps(event))
    except SchemaError as error:
        raise ConfigError(str(error)) from None
    with reachable(bootstrap):
        return await _write_to_all(bootstrap, event, key)


async def forget(bootstrap: str, conversations: Sequence[str], data: dict[str, Any], key: SigningKey | None) -> None:
    """Write a `control.forget` for each of them into its partition. Raises ConfigError where nothing is there."""
    with reachable(bootstrap):
        count = len(await _partitions(bootstrap))
        async with Producer(bootstrap) as producer:
            issuer = Issuer(producer, key, "operator")
            for name in conversations:
                event = controls.forget(name, data, int(time.time() * 1000))
                await issuer.write(partition_of(name.encode(), count), event)


async def _partitions(bootstrap: str) -> Sequence[TopicPartition]:
    events = await partitions(bootstrap, [AGENT_EVENTS])
    if not events:
        raise ConfigError(f"broker {bootstrap}: no topic {AGENT_EVENTS}: start `handrail up` or a worker first")
    return events


async def _write_to_all(bootstrap: str, event: controls.Event, key: SigningKey | None) -> int:
    events = await _partitions(bootstrap)
    async with Producer(bootstrap) as producer:
        issuer = Issuer(producer, key, "operator")
        for tp in events:
            await issuer.write(tp.partition, event)
    return len(events)
