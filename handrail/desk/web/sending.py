"""Sends what people did to the log, each event once, whatever is clicked or tried again."""

import asyncio
from collections import OrderedDict
from typing import Any, NamedTuple

import orjson
from aiokafka.errors import KafkaError

from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.errors import EngineError, HandrailError
from handrail.schemas.partitioner import partition_of
from handrail.streams.engine.producer import Producer, Row

WAITING_MAX = 500
REMEMBERED_MAX = 20_000
ACKNOWLEDGED_S_MAX = 4.0


class NotRecorded(HandrailError):
    """No acknowledgement yet: it may come still, so only the same event may be sent again."""


class Given(NamedTuple):
    """An event as it was given first; `owner` is the handoff and the person, where it is an answer."""

    topic: str
    key: bytes
    value: bytes
    owner: tuple[str, str] | None


class Sender:
    """Sends an event until Kafka has acknowledged it; the same id is the same event, sent as it was the first time."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._given: OrderedDict[str, Given] = OrderedDict()
        self._done: OrderedDict[str, None] = OrderedDict()

    def recorded(self, event_id: str) -> bool:
        """Whether the event of that id was acknowledged."""
        return event_id in self._done

    def owner(self, event_id: str) -> tuple[str, str] | None:
        """Whose event it is, where one of that id was given to `send`."""
        return given.owner if (given := self._given.get(event_id)) else None

    async def send(self, topic: str, event: dict[str, Any], owner: tuple[str, str] | None = None) -> None:
        """It is on the log when this returns. Raises NotRecorded within ACKNOWLEDGED_S_MAX."""
        given = Given(topic, event["subject"].encode(), orjson.dumps(event), owner)
        self._given.setdefault(event["id"], given)
        while len(self._given) > REMEMBERED_MAX:
            self._given.popitem(last=False)
        await self.again(event["id"])

    async def again(self, event_id: str) -> None:
        """As `send`, for an event that was given to it before: exactly as it was then."""
        if event_id in self._done:
            return
        if event_id not in self._under_way:
            if len(self._under_way) >= WAITING_MAX:
                raise NotRecorded(f"{WAITING_MAX} answers wait for Kafka already: try again when it is back")
            task = asyncio.create_task(self._put(event_id, self._given[event_id]))
            self._under_way[event_id] = task
            task.add_done_callback(lambda done: self._over(event_id, done))
        task = self._under_way[event_id]
        await asyncio.wait({task}, timeout=ACKNOWLEDGED_S_MAX)
        if not task.done():
            raise NotRecorded(f"Kafka has not acknowledged it within {ACKNOWLEDGED_S_MAX:g} s")
        try:
            task.result()
        except (KafkaError, OSError, EngineError) as error:
            raise NotRecorded(f"Kafka has not acknowledged it: {error or type(error).__name__}") from error

    async def close(self) -> None:
        """Wait a last moment for what is under way, then cancel it."""
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=ACKNOWLEDGED_S_MAX)
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _put(self, event_id: str, given: Given) -> None:
        number = partition_of(given.key, await self._producer.partitions(given.topic))
        await self._producer.write(given.topic, number, [Row(given.key, given.value, CLOUDEVENT)])
        self._done[event_id] = None
        while len(self._done) > REMEMBERED_MAX:
            self._done.popitem(last=False)

    def _over(self, event_id: str, task: "asyncio.Task[None]") -> None:
        del self._under_way[event_id]
        if not task.cancelled():
            task.exception()  # `again` raises it; nobody may be waiting now
