"""The mutants through a real worker: it stays up, each record is folded or a dead letter, and its memory stays flat."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer, TopicPartition

from handrail.policies import Bundle
from handrail.schemas.record import Output
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DEADLETTERS, DECISIONS, HANDOFFS, PARTITIONS
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.fetch import record_of
from handrail.streams.engine.reading import ends, stretch
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.governor.partition import PartitionFold
from tests.fuzz.account import Account, take
from tests.fuzz.mutations import Mutant, mutants
from tests.groups import behind, workers_group
from tests.workers import Worker

WRITTEN = (DECISIONS, HANDOFFS, ALERTS, DEADLETTERS)
CHUNK = 2_500  # records sent before the worker may catch up
BEHIND_MAX = 5_000  # records; so that what is measured is the work, and not what waits for it
WARM = 0.3  # of the records, before the memory is measured for the first time
GROWTH_MAX_MB = 64  # two partitions' backlogs of 16 MB, once as records and once as dead letters on their way
SETTLE_S_MAX = 300
REQUEST_BYTES_MAX = 9_500_000
Send = Callable[[Sequence[Mutant]], Awaitable[None]]


@dataclass
class Outcome:
    """What a run through a worker came to; megabytes of resident memory of the worker's process."""

    account: Account
    warm_mb: float
    most_mb: float
    tenths_mb: list[float]
    sent: int
    differing: int

    @property
    def good(self) -> bool:
        """Whether all are accounted for, and the memory stayed flat."""
        flat = self.most_mb - self.warm_mb <= GROWTH_MAX_MB
        return not self.differing and self.account.records >= self.sent and flat

    def __str__(self) -> str:
        return (
            f"{self.account}\n{self.sent:,} of these were sent, the others are the worker's own; it stayed up; "
            f"{self.differing} outputs differ from the fold's\nmemory: {self.warm_mb:.0f} MB when warm, at most "
            f"{self.most_mb:.0f} MB after that (bound: {GROWTH_MAX_MB} MB more than warm); after each tenth "
            f"{', '.join(f'{tenth:.0f}' for tenth in self.tenths_mb)} MB"
        )


async def run(bootstrap: str, folder: Path, policies: Path, bundle: Bundle, seed: int, count: int) -> Outcome:
    """Send the mutants to a worker, wait until it has taken them all, and compare with the pure fold over the log."""
    await ensure_topics(bootstrap)
    worker = Worker(bootstrap, folder / "worker.log", "--policies", str(policies))
    try:
        worker.wait_ready()
        memory = _Memory(psutil.Process(worker.process.pid), count)
        started_s = time.perf_counter()
        async with _sender(bootstrap) as send:
            sent, records = 0, mutants(seed, count, PARTITIONS, bundle.ruleset)
            while chunk := list(islice(records, CHUNK)):
                sent += len(chunk)
                await send(chunk)
                await _caught_up(bootstrap, worker, BEHIND_MAX)
                memory.look(sent)
        await _caught_up(bootstrap, worker, 0)
        seconds = time.perf_counter() - started_s
        memory.look(count)
        assert worker.stop() == 0, worker.said()
    finally:
        worker.kill()
    account, differing = await _judged(bootstrap)
    account.seconds = seconds
    return Outcome(account, memory.warm_mb, memory.most_mb, memory.tenths, sent, differing)


class _Memory:
    """The resident memory of a process, from when it is warm."""

    def __init__(self, process: psutil.Process, count: int) -> None:
        self._process, self._count = process, count
        self.warm_mb = self.most_mb = 0.0
        self.tenths: list[float] = []

    @property
    def now_mb(self) -> float:
        return float(self._process.memory_info().rss / 1e6)

    def look(self, sent: int) -> None:
        now_mb = self.now_mb
        if sent >= self._count * (len(self.tenths) + 1) / 10:
            self.tenths.append(now_mb)
        if sent >= self._count * WARM:
            self.most_mb = max(self.most_mb, now_mb)
            self.warm_mb = self.warm_mb or now_mb


@asynccontextmanager
async def _sender(bootstrap: str) -> AsyncIterator[Send]:
    """Sends mutants in their order within each partition; all are acknowledged when it returns."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=REQUEST_BYTES_MAX)
    await producer.start()

    async def send(chunk: Sequence[Mutant]) -> None:
        sent = [
            await producer.send(
                AGENT_EVENTS,
                mutant.value,
                key=mutant.key,
                partition=mutant.partition,
                timestamp_ms=mutant.timestamp_ms,
                headers=list(mutant.headers),
            )
            for mutant in chunk
        ]
        await asyncio.gather(*sent)

    try:
        yield send
    finally:
        await producer.stop()


async def _caught_up(bootstrap: str, worker: Worker, most: int) -> None:
    async with asyncio.timeout(SETTLE_S_MAX):
        while await behind(bootstrap, workers_group(), PARTITIONS) > most:  # no broker tells when
            assert worker.process.poll() is None, worker.said()
            await asyncio.sleep(0.1)


async def _judged(bootstrap: str) -> tuple[Account, int]:
    """Where each record of the log went, and how many outputs are not exactly the fold's."""
    bundles = Bundles(bootstrap)
    await bundles.refresh()
    await bundles.load_all()
    account, differing = Account(), 0
    for number in range(PARTITIONS):
        tps = [TopicPartition(topic, number) for topic in (AGENT_EVENTS, *WRITTEN)]
        last = await ends(bootstrap, tps)
        fold = PartitionFold(number, PARTITIONS, bundles.known)
        async with AsyncExitStack() as stack:
            events, *streams = [
                await stack.enter_async_context(aclosing(stretch(bootstrap, tp, 0, last[tp]))) for tp in tps
            ]
            written = dict(zip(WRITTEN, streams, strict=True))
            async for record in events:
                folded = fold.fold([record_of(record)])
                take(account, "", record_of(record), folded)
                for output in folded.outputs:
                    differing += not _same(output, await anext(written[output.topic], None))
            for stream in streams:
                differing += len([record async for record in stream])
    return account, differing


def _same(output: Output, written: Any) -> bool:
    if written is None:
        return False
    return (written.key, written.value, tuple(written.headers)) == (output.key, output.value, output.headers)
