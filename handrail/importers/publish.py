"""Imported events onto the log, each conversation in its order."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from handrail.schemas.errors import EngineError
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.topics import ensure_topics

UNACKED_MAX = 2_000
PROGRESS_EVERY = 5_000
HEADERS = [("content-type", b"application/cloudevents+json")]


async def publish(bootstrap: str, events: Iterable[dict[str, Any]], progress: Callable[[int], None]) -> int:
    """All events are acknowledged by every replica in sync; gives their number.

    The key is the conversation id, so Kafka's own partitioner puts each where its owner reads it. `progress` gets the
    number sent so far after each PROGRESS_EVERY.

    Raises
    ------
    ConfigError
        No broker answers, or its topics cannot work.
    EngineError
        The broker refused an event.
    """
    await ensure_topics(bootstrap)
    try:
        # One batch of a partition is in flight at a time, so a retry cannot overtake.
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5) as producer:
            return await _send(producer, events, progress)
    except KafkaError as error:
        raise EngineError(f"broker {bootstrap}: refused an event for {AGENT_EVENTS}: {error}: import again") from error


async def _send(producer: AIOKafkaProducer, events: Iterable[dict[str, Any]], progress: Callable[[int], None]) -> int:
    unacked: deque[Awaitable[Any]] = deque()
    sent = 0
    for sent, event in enumerate(events, start=1):
        key, value = event["subject"].encode(), orjson.dumps(event)
        unacked.append(await producer.send(AGENT_EVENTS, value, key=key, headers=HEADERS))
        if len(unacked) >= UNACKED_MAX:
            await unacked.popleft()
        if sent % PROGRESS_EVERY == 0:
            progress(sent)
    while unacked:
        await unacked.popleft()
    return sent
