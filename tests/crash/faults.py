"""Faults as they are injected: who is hit, how, and how it is mended again."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from handrail.broker import EmbeddedBroker
from handrail.streams.sink.database import BATCH
from infra.kafka.cluster import Cluster
from tests.crash.cluster import Brokers, frozen
from tests.crash.crew import Crew, Member
from tests.crash.disk import Disk
from tests.crash.publisher import Publisher
from tests.crash.report import Report
from tests.crash.schedule import Fault, Kind
from tests.crash.waiting import until
from tests.crash.watched import Watched
from tests.processes import HandrailProcess

READY_S_MAX = 240.0  # brokers that come back on a busy machine take a minute
FAULT_S_MAX = 300.0
COMMIT_S_MAX = 30.0
FULL_S_MAX = 90.0
COMMIT_TRIES_MAX = 20
BURST, BURST_S_MAX = 200, 5.0
HELD_S, CAUGHT_TRIES_MAX = 0.15, 20

Tell = Callable[[str], None]


class Faults:
    """Everything that can be hit. What is injected and missed goes into the report."""

    def __init__(
        self,
        cluster: Cluster | EmbeddedBroker,
        group: str,
        crew: Crew[Watched],
        sink: Member[HandrailProcess],
        disk: Disk,
        publisher: Publisher,
        report: Report,
        tell: Tell,
    ) -> None:
        self.embedded_pid = cluster.pid if isinstance(cluster, EmbeddedBroker) else 0
        self.brokers = Brokers(cluster, group) if isinstance(cluster, Cluster) else None
        self.crew, self.sink, self.disk, self.publisher = crew, sink, disk, publisher
        self.report, self.tell = report, tell
        self._going: list[asyncio.Task[None]] = []

    async def inject(self, faults: list[Fault]) -> None:
        """All of them, and what they left is mended. Raises where one could not be injected."""
        began_s = time.monotonic()
        for fault in faults:
            await asyncio.sleep(fault.after_s)
            async with asyncio.timeout(FAULT_S_MAX):
                await self._one(fault)
            self.report.injected[fault.kind] += 1
            self.tell(f"  {time.monotonic() - began_s:6.1f} s  {fault}  done")
        await asyncio.gather(*self._going)
        if self.brokers is not None:
            await self.brokers.mended()

    async def _one(self, fault: Fault) -> None:
        """The fault has begun when this returns; what lasts goes on beside the next ones."""
        match fault.kind:
            case Kind.WORKER_KILL:
                (await self.crew.find(fault.pick)).kill()
            case Kind.WORKER_PAUSE:
                self._later(self._paused(fault))
            case Kind.WORKER_ADD:
                self.crew.add()
            case Kind.WORKER_REMOVE:
                self._later(self._removed(fault))
            case Kind.SINK_KILL:
                await self._kill_in_commit()
            case Kind.DISK_FULL:
                await self._full_disk(fault)
            case Kind.BROKER_KILL:
                await self._cluster.kill(fault.pick, fault.for_s)
            case Kind.BROKER_SLOW:
                await self._cluster.slow(fault.pick, fault.for_s)
            case Kind.COORDINATOR_KILL:
                await self._cluster.kill_coordinator(fault.for_s)
            case Kind.ALL_AWAY:
                await self._cluster.away(fault.for_s)

    @property
    def _cluster(self) -> Brokers:
        assert self.brokers is not None
        return self.brokers

    def _later(self, work: Coroutine[None, None, None]) -> None:
        self._going.append(asyncio.create_task(work))

    async def _paused(self, fault: Fault) -> None:
        """Stopped with something on its way: what it writes when it goes on is old by then."""
        member = await self.crew.find(fault.pick, ready=True)
        stopped = await self._caught(member)
        if stopped is None:
            self.report.missed[fault.kind] += 1
            return
        try:
            await asyncio.sleep(fault.for_s)
        finally:
            if not member.go_on(stopped):
                self.report.missed[fault.kind] += 1

    async def _caught(self, member: Member[Watched]) -> Watched | None:
        """The member's process, stopped. The brokers hold their answers for a moment, to see what it waits for."""
        for _ in range(CAUGHT_TRIES_MAX):
            self.publisher.burst(BURST)
            under_way = self.publisher.acknowledged + BURST // 2
            with suppress(TimeoutError):  # brokers may be away
                await until(lambda: self.publisher.acknowledged >= under_way, BURST_S_MAX)  # noqa: B023
            with self._held():
                await asyncio.sleep(HELD_S)
                if (found := member.running) is None or await asyncio.to_thread(found.waits):
                    self.report.caught += found is not None
                    return member.stop()
        return member.stop()

    def _held(self) -> AbstractContextManager[None]:
        return self.brokers.held() if self.brokers is not None else frozen([self.embedded_pid])

    async def _removed(self, fault: Fault) -> None:
        status = await self.crew.remove(fault.pick)
        if status not in (0, -signal.SIGTERM):  # that one had not yet come so far as to listen
            self.report.unclean.append(status)

    async def _kill_in_commit(self) -> None:
        """Killed while the batch's file is there: it is written before the transaction and goes after its commit."""
        batch = self.disk.folder / "data" / BATCH
        for _ in range(COMMIT_TRIES_MAX):
            process = await self.sink.ready(READY_S_MAX)
            left = _changed_s(batch)  # by one that was killed before
            caught = await asyncio.to_thread(_rewritten, batch, left, COMMIT_S_MAX)
            self.sink.kill()
            await asyncio.to_thread(process.process.wait)
            if caught and batch.exists():
                return
        self.report.missed[Kind.SINK_KILL] += 1

    async def _full_disk(self, fault: Fault) -> None:
        """Until the sink has ended because of it, and then some seconds more, in which it cannot start."""
        found = await self.sink.ready(READY_S_MAX)
        self.disk.full(found.process.pid)
        try:
            await until(lambda: found.process.poll() is not None, FULL_S_MAX)
            await asyncio.sleep(fault.for_s)
        finally:
            self.disk.free()


def _changed_s(file: Path) -> float:
    """When it was written; 0 where it is not there."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _rewritten(file: Path, before_s: float, seconds_max: float) -> bool:
    """Whether the file is there within that time, and not as it was before."""
    deadline_s = time.monotonic() + seconds_max
    while _changed_s(file) in (0.0, before_s):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.0005)  # a commit takes some tens of milliseconds
    return True
