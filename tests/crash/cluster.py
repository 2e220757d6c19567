"""What happens to the brokers. One fault at a time: the next one waits until every copy is in sync again."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from aiokafka.errors import KafkaError

from infra.kafka.cluster import Cluster
from infra.kafka.node import Node
from tests.brokers import admin_of
from tests.processes import freeze

WHOLE_S_MAX = 180.0
POLL_S = 0.2


class Brokers:
    """Faults of a three-node cluster. Each method returns when the fault has begun; what it took to mend goes on."""

    def __init__(self, cluster: Cluster, group: str) -> None:
        self._cluster, self._group = cluster, group
        self._one = asyncio.Lock()
        self._mending: list[asyncio.Task[None]] = []

    async def kill(self, pick: float, for_s: float) -> None:
        """A broker is gone, and comes back on the same data."""
        await self._begin(lambda: self._down([self._node(pick)], for_s))

    async def kill_coordinator(self, for_s: float) -> None:
        """The broker that keeps the workers' group is gone."""

        async def work() -> None:
            async with admin_of(self._cluster.bootstrap) as admin:
                number = await admin.find_coordinator(self._group)
            await self._down([self._cluster.nodes[number]], for_s)

        await self._begin(work)

    async def away(self, for_s: float) -> None:
        """All are gone at the same moment."""
        await self._begin(lambda: self._down(self._cluster.nodes, for_s))

    async def slow(self, pick: float, for_s: float) -> None:
        """A broker answers nobody for some time, and then goes on as if nothing had happened."""

        async def work() -> None:
            pid = self._node(pick).pid
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(for_s)
            finally:
                os.kill(pid, signal.SIGCONT)

        await self._begin(work)

    @contextmanager
    def held(self) -> Iterator[None]:
        """No broker answers while the block lasts, which is short; nothing happens where another fault goes on."""
        pids = [] if self._one.locked() else [node.pid for node in self._cluster.nodes]
        with frozen(pids):
            yield

    async def mended(self) -> None:
        """Returns when no fault goes on. Raises what went wrong while mending."""
        await asyncio.gather(*self._mending)

    async def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        await self._one.acquire()
        self._mending.append(asyncio.create_task(self._run(work)))

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
            async with asyncio.timeout(WHOLE_S_MAX):
                await asyncio.to_thread(self._cluster.wait_ready)
                while not await self._in_sync():  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)  # no broker tells when
        finally:
            self._one.release()

    async def _down(self, nodes: list[Node], for_s: float) -> None:
        for node in nodes:  # all are dead before the first one is waited for
            os.kill(node.pid, signal.SIGKILL)
        for node in nodes:
            await asyncio.to_thread(node.kill)
        await asyncio.sleep(for_s)
        for node in nodes:
            node.start()

    async def _in_sync(self) -> bool:
        try:
            async with admin_of(self._cluster.bootstrap) as admin:
                topics = await admin.describe_topics()
        except (KafkaError, OSError):
            return False
        partitions = [partition for topic in topics for partition in topic["partitions"]]
        return all(
            len(partition["isr"]) == len(partition["replicas"]) and partition["leader"] >= 0 for partition in partitions
        )

    def _node(self, pick: float) -> Node:
        return self._cluster.nodes[int(pick * len(self._cluster.nodes))]


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """These processes stand still while the block lasts; one of them may be killed meanwhile."""
    for pid in pids:
        freeze(pid)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
