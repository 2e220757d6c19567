"""The demo's connection to the log: publish events, wait for the decisions that answer them."""

import asyncio
import time
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from handrail.schemas.errors import HandrailError
from handrail.schemas.handoff_revision import applied
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DECISIONS, HANDOFFS, RESOLUTIONS

PATIENCE_S = 20.0
READ = (DECISIONS, HANDOFFS, ALERTS)
CONTENT_TYPE = [("content-type", b"application/cloudevents+json")]


class Wire:
    """One producer and one reader for all conversations of the demo.

    Raises HandrailError when a decision is awaited and no record of any kind comes for PATIENCE_S.
    """

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=0)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=20
        )
        self._decisions: dict[tuple[str, str], asyncio.Future[dict[str, Any]]] = {}
        self.handoffs: dict[str, dict[str, Any]] = {}
        self.alerts: list[dict[str, Any]] = []
        self._reading: asyncio.Task[None] | None = None
        self._last_record_s = 0.0

    async def __aenter__(self) -> "Wire":
        await self._producer.start()
        await self._consumer.start()
        partitions = await self._producer.partitions_for(DECISIONS)
        self._consumer.assign([TopicPartition(topic, p) for topic in READ for p in partitions])
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
        await self._producer.stop()
        await self._consumer.stop()

    async def _read(self) -> None:
        async for record in self._consumer:
            self._last_record_s = time.monotonic()
            event = orjson.loads(record.value)
            data = event["data"]
            if event["type"] == "handrail.handoff.v1":
                name = data["handoff_id"]
                self.handoffs[name] = applied(self.handoffs.get(name, data), data)
            elif event["type"] == "handrail.alert.v1":
                self.alerts.append(data)
            elif event["type"] == "handrail.decision.v1":
                released = ("release", data["handoff_id"] or "")
                key = released if data["kind"] == "release" else (data["for"]["source"], data["for"]["id"])
                if not (decision := self.expect(*key)).done():
                    decision.set_result(data)

    def expect(self, *key: str) -> asyncio.Future[dict[str, Any]]:
        """A future for the decision on (source, id), or for the release of ("release", handoff id).

        Done already when the decision came before anybody asked for it.
        """
        return self._decisions.setdefault((key[0], key[1]), asyncio.get_running_loop().create_future())

    async def decided(self, future: asyncio.Future[dict[str, Any]], about: str) -> dict[str, Any]:
        """The decision, waited for as long as the worker decides at all; no decision means no action."""
        asked_s = time.monotonic()
        while (left_s := max(asked_s, self._last_record_s) + PATIENCE_S - time.monotonic()) > 0:
            if (await asyncio.wait([future], timeout=left_s))[0]:
                return future.result()
        raise HandrailError(f"{about}: nothing decided for {PATIENCE_S:.0f} s; is the worker running?")

    async def publish(self, event: dict[str, Any], topic: str = AGENT_EVENTS, at_ms: int | None = None) -> None:
        """Put one event on the log and wait until it is there."""
        key = event["subject"].encode()
        value = orjson.dumps(event)
        await self._producer.send_and_wait(topic, value, key=key, timestamp_ms=at_ms, headers=CONTENT_TYPE)

    async def resolve(self, event: dict[str, Any]) -> None:
        """Put a human's answer on its topic."""
        await self.publish(event, RESOLUTIONS)
