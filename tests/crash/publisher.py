"""Raw producers of a run: traffic at a steady rate, with what careless producers do to it."""

import asyncio
import itertools
import random
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec.structs import replace

from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS
from tests.crash.load import traffic

CONVERSATIONS, TURNS = 60, 12
REQUEST_TIMEOUT_MS = 15_000
SENT_MAX = 500


def events(seed: int) -> Iterator[tuple[Record, int | None]]:
    """(event, partition where it is not left to the key), without end: repeats, conflicts and strays among them."""
    dice = random.Random(seed)
    for number in itertools.count():
        for record in traffic(seed * 1000 + number, CONVERSATIONS, TURNS):
            yield record, None
            match dice.randrange(100):
                case 0 | 1:
                    yield record, None
                case 2 if record.value is not None:  # the same identity with other content
                    yield replace(record, value=record.value.replace(b'"refunds"', b'"other"')), None
                case 3:
                    yield replace(record, key=record.key and record.key + b"-stray"), 0


class Publisher:
    """Publishes `events` until told to stop.

    What was not acknowledged may be on the log or not, once or twice: the log is the truth.
    """

    def __init__(self, bootstrap: str, seed: int, rate: float) -> None:
        self._bootstrap, self._seed, self._rate = bootstrap, seed, rate
        self.stop = asyncio.Event()
        self.acknowledged, self.refused = 0, 0
        self._hurried = 0
        self._sent: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until `stop` is set and everything that was sent is acknowledged or given up."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", request_timeout_ms=REQUEST_TIMEOUT_MS
        )
        await producer.start()
        try:
            for record, partition in events(self._seed):
                if self.stop.is_set():
                    return
                await self._put(producer, record, partition)
        finally:
            if self._sent:
                await asyncio.wait(self._sent)
            await producer.stop()

    def burst(self, count: int) -> None:
        """So many events go out at once, before the rate holds again."""
        self._hurried += count

    async def _put(self, producer: AIOKafkaProducer, record: Record, partition: int | None) -> None:
        while len(self._sent) >= SENT_MAX:
            await asyncio.wait(self._sent, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._send(producer, record, partition))
        self._sent.add(task)
        task.add_done_callback(self._sent.discard)
        if self._hurried:
            self._hurried -= 1
        else:
            await asyncio.sleep(1 / self._rate)

    async def _send(self, producer: AIOKafkaProducer, record: Record, partition: int | None) -> None:
        try:
            await producer.send_and_wait(AGENT_EVENTS, record.value, key=record.key, partition=partition)
            self.acknowledged += 1
        except KafkaError:
            self.refused += 1
