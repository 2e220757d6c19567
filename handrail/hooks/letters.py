"""Deliveries that were given up: the record goes to the dead letters, with the hook's name and why."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiokafka.errors import KafkaError

from handrail.schemas.errors import EngineError
from handrail.streams.engine.fetch import record_of
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.governor import deadletters

AGAIN_S = 1.0
REASON = "webhook "
"""How the reason of such a letter begins: its record is no refused one, it was only not delivered."""


class Letters:
    """Writes until Kafka has it: a delivery that is given up is settled by nothing less."""

    def __init__(self, producer: Producer, notice: Callable[[str], None]) -> None:
        self._producer, self._notice = producer, notice

    async def write(self, record: Any, hook: str, why: str) -> None:
        """The letter is acknowledged."""
        found = deadletters.letter(record_of(record), f"{REASON}{hook}: {why}", int(time.time() * 1000))
        row = Row(found.key, found.value, found.headers)
        while True:
            try:
                await self._producer.write(found.topic, record.partition, [row])
            except (KafkaError, EngineError) as error:
                self._notice(f"handrail hooks: {hook}: {found.topic}: {error}: tried again")
                await asyncio.sleep(AGAIN_S)
            else:
                return
