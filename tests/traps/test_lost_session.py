"""Trap 8: a worker whose session was lost may crash when it goes on; something has to start it again.

Stock Faust crashes too rarely for a test: `python -m tests.traps.returns TRIES` looks for it.
"""

import asyncio
from pathlib import Path

import pytest

from handrail.schemas.topics import DECISIONS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from tests.groups import behind, workers_group
from tests.log import Log
from tests.oracle import compare
from tests.topics import Wire
from tests.traps.returns import stopped
from tests.workers import Worker

pytestmark = pytest.mark.kafka
SETTLE_S_MAX = 60
CONVERSATIONS = 40


@pytest.mark.crash
async def test_ours_goes_on_or_ends_with_a_reason_and_is_started_again(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    workers = [Worker(embedded, tmp_path / f"worker-{number}.log") for number in range(2)]
    try:
        for one in workers:
            one.wait_ready()
        async with Wire(embedded, DECISIONS) as wire:
            await proposals(wire, "before")
            with stopped(workers[0].process):
                await proposals(wire, "away")
            await proposals(wire, "back")
            await settled(embedded)
        status = workers[0].process.poll()
        if status is not None:
            assert (status, "handrail worker: stopped: " in workers[0].said()) == (1, True), workers[0].said()
            workers.append(Worker(embedded, tmp_path / "again.log").wait_ready())
        print(f"ours: the worker that was stopped {'runs' if status is None else workers[0].said().splitlines()[-1]}")
    finally:
        for one in workers:
            one.kill()
    verdict = await compare(embedded, PARTITIONS)
    print(f"ours: {verdict}")
    assert verdict.events >= 3 * CONVERSATIONS
    assert (verdict.lost, verdict.wrong) == ([], [])


async def proposals(wire: Wire, name: str) -> None:
    """One in each of many conversations, so that every partition has some; returns when all are decided."""
    log = Log()
    for number in range(CONVERSATIONS):
        log.event("action.proposed", conversation=f"{name}-{number}", id="e", action_id="a", tool="t", arguments={})
    await wire.publish_all(log.records)
    left = {record.key for record in log.records}
    while left:
        left -= {(await wire.next(SETTLE_S_MAX)).key}


async def settled(bootstrap: str) -> None:
    async with asyncio.timeout(SETTLE_S_MAX):
        while await behind(bootstrap, workers_group(), PARTITIONS):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # no broker tells when
