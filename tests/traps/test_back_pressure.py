"""Trap 4: where every partition is paused by back pressure, the consumer sleeps a whole second."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from tests.groups import behind, workers_group
from tests.log import Log
from tests.topics import read
from tests.traps.kafka import create
from tests.traps.narrow import BYTES_MAX
from tests.traps.programs import stock
from tests.traps.stock.application import TOPIC
from tests.workers import Worker

pytestmark = pytest.mark.kafka
RATE, COUNT = 200, 800  # a fifth of what was measured first: so the figure is the stall's, not the machine's
BUFFER = 4
ANSWERED_S_MAX = 30
ROUNDS_MAX = 3  # other programs on the machine can make one slow, a sleep makes each of them slow
STALL_S = 0.6  # Faust sleeps 1.0 s; a record that comes a little later waits the rest of it
GOES_ON_S = 0.45


class Narrow(Worker):
    """A worker with room for a few records."""

    program = ("tests.traps.narrow",)


async def paced() -> AsyncIterator[int]:
    """0 to COUNT, at RATE a second."""
    started_s = time.monotonic()
    for number in range(COUNT):
        await asyncio.sleep(max(0.0, started_s + number / RATE - time.monotonic()))
        yield number


def p99(waited_s: Sequence[float]) -> float:
    return sorted(waited_s)[int(len(waited_s) * 0.99)]


def told(waited_s: Sequence[float]) -> str:
    middle = sorted(waited_s)[len(waited_s) // 2]
    return f"median {middle:.3f} s, p99 {p99(waited_s):.3f} s, longest {max(waited_s):.3f} s"


async def times(bootstrap: str) -> None:
    """Records that hold when they were sent."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        async for _ in paced():
            await producer.send(TOPIC, str(time.time()).encode())


@pytest.mark.long
def test_stock_stalls_for_a_second(embedded: str, tmp_path: Path) -> None:
    asyncio.run(create(embedded, trap_events=1))
    with stock(embedded, tmp_path, "back_pressure", BUFFER=str(BUFFER)) as one:
        asyncio.run(one_more(embedded))
        one.until("waited_s")
        asyncio.run(times(embedded))
        for _ in range(COUNT):
            one.until("waited_s")
    waited = one.values("waited_s")[1:]
    print(f"stock, buffer of {BUFFER}: {RATE} events/s: {told(waited)}")
    assert p99(waited) > STALL_S


async def one_more(bootstrap: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(TOPIC, str(time.time()).encode())


async def test_ours_waits_for_room_and_goes_on(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    one = Narrow(embedded, tmp_path / "worker.log")
    try:
        one.wait_ready()
        for number in range(ROUNDS_MAX):
            waited = await decisions(embedded, f"c{number}")
            print(f"ours, room for {BYTES_MAX} bytes: {RATE} events/s: {told(waited)}")
            if p99(waited) < GOES_ON_S:
                break
    finally:
        one.kill()
    assert p99(waited) < GOES_ON_S


async def load(bootstrap: str, prefix: str) -> None:
    """COUNT proposals, each of a conversation of its own; returns when all are decided."""
    log = Log()
    call = {"action_id": "a", "tool": "t", "arguments": {}}
    for number in range(COUNT):
        name = f"{prefix}-{number}"
        log.event("action.proposed", conversation=name, id=name, **call)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        async for number in paced():
            record = log.records[number]
            await producer.send(record.topic, record.value, key=record.key)
    async with asyncio.timeout(ANSWERED_S_MAX):
        while await behind(bootstrap, workers_group(), PARTITIONS):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # no broker tells when


async def decisions(bootstrap: str, prefix: str) -> list[float]:
    """Seconds from each proposal to its decision, by the times on the log: whoever reads it may be slow."""
    await load(bootstrap, prefix)
    sent = {one.key: one.timestamp for one in await read(bootstrap, AGENT_EVENTS, PARTITIONS)}
    found = [one for one in await read(bootstrap, DECISIONS, PARTITIONS) if one.key.startswith(prefix.encode())]
    assert len(found) == COUNT
    return [(one.timestamp - sent[one.key]) / 1000 for one in found]
