"""The human of a run: answers each approval, again where there is news, and some of the other handoffs, by a script."""

import asyncio
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from handrail.schemas.topics import HANDOFFS, RESOLUTIONS
from tests.desk import resolution

POLL_MS = 200
AGAIN_S = 0.3
OPENED = "handrail.handoff.v1"


class Human:
    """Reads every handoff from the first one on. What is not acknowledged is said again, with the same id."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest", fetch_max_wait_ms=20
        )
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        self._places = [TopicPartition(HANDOFFS, number) for number in range(partitions)]
        self.answered: set[tuple[str, int]] = set()
        self.seen: dict[int, int] = dict.fromkeys(range(partitions), 0)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._consumer.start()
            await self._producer.start()
            self._consumer.assign(self._places)
            while True:
                await self._look()
        finally:
            await self._producer.stop()
            await self._consumer.stop()

    async def _look(self) -> None:
        try:
            found = await self._consumer.getmany(timeout_ms=POLL_MS)
        except KafkaError:
            await asyncio.sleep(AGAIN_S)
            return
        for place, records in found.items():
            for record in records:
                await self._take(record)
            self.seen[place.partition] = records[-1].offset + 1

    async def _take(self, record: ConsumerRecord) -> None:
        event = orjson.loads(record.value)
        handoff = event["data"]
        if event["type"] != OPENED or "since" in handoff:
            return
        if (named := (handoff["handoff_id"], handoff["revision"])) in self.answered:
            return  # what is asked again in full, with news, is answered again
        self.answered.add(named)
        if (outcome := _outcome(handoff)) is not None:
            await self._say(resolution(handoff, outcome))

    async def _say(self, event: dict[str, Any]) -> None:
        while True:
            try:
                await self._producer.send_and_wait(RESOLUTIONS, orjson.dumps(event), key=event["subject"].encode())
                return
            except KafkaError:
                await asyncio.sleep(AGAIN_S)


def _outcome(handoff: dict[str, Any]) -> str | None:
    """By the id, so that a repeated run answers alike."""
    number = int(handoff["handoff_id"][-2:], 16)
    if handoff["kind"] == "approval":
        return "approved" if number % 2 else "denied"
    return ("resolved", "returned", None)[number % 3]
