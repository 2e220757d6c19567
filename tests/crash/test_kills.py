"""Two workers under load, killed at seeded moments: afterwards the topics hold what the fold over the log gives."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import orjson
import pytest
from aiokafka import ConsumerRecord

from handrail.schemas.topics import DECISIONS, HANDOFFS, PARTITIONS, RESOLUTIONS
from handrail.streams.engine.topics import ensure_topics
from tests.crash.load import traffic
from tests.desk import resolution
from tests.groups import behind
from tests.oracle import compare
from tests.topics import Wire
from tests.workers import Worker

POLICIES = Path(__file__).resolve().parents[2] / "handrail" / "demo" / "policies"
SEED, KILLS = 20241124, 3
CONVERSATIONS, TURNS = 120, 20
SETTLE_S_MAX = 120


class Run:
    """Load, answers of a human, and workers that are killed when enough has been decided."""

    def __init__(self, broker: str, folder: Path, seed: int) -> None:
        self.broker, self.folder, self.dice = broker, folder, random.Random(seed)
        self.workers: list[Worker] = []
        self.decisions = 0

    def start(self) -> None:
        log = self.folder / f"worker-{len(self.workers)}.log"
        self.workers.append(Worker(self.broker, log, "--policies", str(POLICIES)))

    def alive(self) -> list[Worker]:
        return [one for one in self.workers if one.process.poll() is None]

    def kill_one(self) -> None:
        self.dice.choice(self.alive()).kill()
        self.start()

    def end(self) -> None:
        for one in self.alive():
            one.kill()


async def reader(wire: Wire, take: Callable[[ConsumerRecord], Awaitable[None]]) -> None:
    while True:
        await take(await wire.next(seconds_max=SETTLE_S_MAX))


@pytest.mark.crash
@pytest.mark.timeout(400)
async def test_three_kills_lose_nothing_and_change_nothing(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    run = Run(broker, tmp_path, SEED)
    moments = sorted(run.dice.sample(range(1, CONVERSATIONS * TURNS // 4), KILLS))

    async with AsyncExitStack() as stack:
        stack.callback(run.end)
        run.start()
        run.start()
        run.workers[0].wait_ready()
        wire = await stack.enter_async_context(Wire(broker, DECISIONS, HANDOFFS))

        async def take(record: ConsumerRecord) -> None:
            data = orjson.loads(record.value)["data"]
            if record.topic == HANDOFFS:
                if data.get("kind") == "approval" and data["revision"] == 1:
                    outcome = "approved" if ord(data["handoff_id"][-1]) % 2 else "denied"
                    await wire.publish(resolution(data, outcome), RESOLUTIONS)
                return
            run.decisions += 1
            if moments and run.decisions >= moments[0]:
                moments.pop(0)
                run.kill_one()

        reading = asyncio.create_task(reader(wire, take))
        stack.callback(reading.cancel)
        await wire.publish_all(traffic(SEED, CONVERSATIONS, TURNS))
        async with asyncio.timeout(SETTLE_S_MAX):
            while moments or await behind(broker, "handrail", PARTITIONS):
                assert not reading.done(), reading.exception()
                await asyncio.sleep(0.1)  # no broker tells when
        assert not moments
        statuses = [one.stop() for one in run.alive()]
    assert statuses == [0, 0], [one.said() for one in run.workers]
    verdict = await compare(broker, PARTITIONS)
    print(f"seed {SEED}: {KILLS} kills: {verdict}")
    assert verdict.expected > CONVERSATIONS * TURNS // 3
    assert (verdict.lost, verdict.wrong) == ([], [])
