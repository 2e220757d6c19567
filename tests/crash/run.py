"""One run: brokers, workers, sink and load; the faults of a schedule; quiet; the judge."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError

from handrail.broker import EmbeddedBroker
from handrail.schemas.errors import ConfigError
from handrail.schemas.topics import CATALOGUE, HANDOFFS, PARTITIONS, STATES
from handrail.streams.engine.reading import ends
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.keys import KEY_FILE, load_or_make_key
from infra.kafka.cluster import Cluster
from tests.brokers import admin_of
from tests.crash.agents import Agents
from tests.crash.crew import Crew, Member
from tests.crash.disk import Disk
from tests.crash.faults import Faults
from tests.crash.human import Human
from tests.crash.judge import STORED, judge, stale
from tests.crash.looking import LOOK_S
from tests.crash.publisher import Publisher
from tests.crash.report import Plan, Report
from tests.crash.rows import stored_ends
from tests.crash.schedule import schedule
from tests.crash.watched import Watched
from tests.groups import behind, workers_group
from tests.processes import HandrailProcess
from tests.topics import read

POLICIES = Path(__file__).resolve().parents[2] / "handrail" / "demo" / "policies"
READY_S_MAX = 240.0  # brokers that come back on a busy machine take a minute
QUIET_S_MAX = 240.0
POLL_S = 0.2
MENDED_S_MAX = LOOK_S + 30  # an idle owner looks for a late writer that often
MENDED_POLL_S = 2.0

# The changelog is compacted while the run goes on. The lag is how long an old state may lie there before it is mended:
# its owner may be killed before it has written its own again.
COMPACTED = {
    "segment.ms": "5000",
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "60000",
}

Tell = Callable[[str], None]


class Looking(Watched):
    """A worker that looks for late writers more often than once in 10 minutes."""

    program = ("tests.crash.looking",)


class Run:
    """A plan being carried out."""

    def __init__(self, plan: Plan, folder: Path, cluster: Cluster | EmbeddedBroker, tell: Tell) -> None:
        bootstrap = cluster.bootstrap
        self.plan, self.folder, self.cluster, self.bootstrap, self.tell = plan, folder, cluster, bootstrap, tell
        self.apache = isinstance(cluster, Cluster)
        self.report = Report(plan)
        self.disk = Disk(folder / "disk")
        self.key = load_or_make_key(folder / KEY_FILE)
        self.crew = Crew(self._worker, folder)
        self.agents = Agents(bootstrap, plan.seed, plan.agents, plan.pause_s)
        self.publisher = Publisher(bootstrap, plan.seed, plan.rate)
        self.human = Human(bootstrap, PARTITIONS)

    async def carry_out(self) -> Report:
        """Everything from the first worker to the judge. Raises where the harness itself cannot go on."""
        faults = schedule(self.plan.seed, self.plan.faults, brokers=self.apache, workers=self.plan.workers)
        self.tell(f"run: {self.plan.command}")
        for fault in faults:
            self.tell(f"  {fault}")
        await self._topics()
        started_s = time.monotonic()
        with self.disk, self.crew:
            for _ in range(self.plan.workers):
                self.crew.add()
            self.sink = Member("sink", self._sink, self.folder)
            try:
                await self._ready()
                async with self._load():
                    await Faults(
                        self.cluster,
                        workers_group(),
                        self.crew,
                        self.sink,
                        self.disk,
                        self.publisher,
                        self.report,
                        self.tell,
                    ).inject(faults)
                await self._quiet()
                await self._mended()
                statuses = await self._stop()
                self.report.figures["seconds under load"] = round(self._loaded_s)
                self.report.figures["seconds in all"] = round(time.monotonic() - started_s)
                self.report.findings = await judge(
                    self.bootstrap,
                    PARTITIONS,
                    self.disk.folder / "data",
                    self.agents.heard,
                    {self.key.id: self.key.public},
                )
                self.report.findings.differ(
                    "processes that did not end well", (status for status in statuses if status != 0)
                )
            finally:
                self.sink.end()
        self._count()
        return self.report

    # --- from the start to quiet

    def _worker(self, log: Path) -> Looking:
        return Looking(self.bootstrap, log, "--policies", str(POLICIES), "--key", str(self.folder / KEY_FILE))

    def _sink(self, log: Path) -> HandrailProcess:
        data = str(self.disk.folder / "data")
        return HandrailProcess(log, "sink", "--bootstrap", self.bootstrap, "--data", data, "--snapshot-s", "3")

    async def _topics(self) -> None:
        """Made before any worker comes, so that the changelog is compacted early and often."""
        if self.apache:
            topic = CATALOGUE[STATES]
            settings = topic.configs() | COMPACTED | {"min.insync.replicas": "2"}
            async with admin_of(self.bootstrap) as admin:
                await admin.create_topics([NewTopic(STATES, PARTITIONS, 3, topic_configs=settings)])
        await ensure_topics(self.bootstrap, partitions=PARTITIONS)

    async def _ready(self) -> None:
        await asyncio.gather(*(one.ready(READY_S_MAX) for one in (self.crew.members[0], self.sink)))

    @asynccontextmanager
    async def _load(self) -> AsyncIterator[None]:
        """Agents, raw producers and the human work while the block lasts; the human, until all is quiet."""
        began_s = time.monotonic()
        self._human = asyncio.create_task(self.human.run(), name="human")
        loads = [
            asyncio.create_task(self.agents.run(), name="agents"),
            asyncio.create_task(self.publisher.run(), name="raw"),
        ]
        for task in (self._human, *loads):
            task.add_done_callback(self._fell)
        try:
            yield
        finally:
            self.agents.stop.set()
            self.publisher.stop.set()
        await asyncio.wait_for(asyncio.gather(*loads), QUIET_S_MAX)
        self._loaded_s = time.monotonic() - began_s

    def _fell(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.tell(f"the load's {task.get_name()} fell: {task.exception()!r}")

    async def _quiet(self) -> None:
        """Nothing more comes, and everything that came is committed, answered by the human, and stored."""
        self.tell("  load over, waiting until all is quiet")
        async with asyncio.timeout(QUIET_S_MAX):
            while not await self._is_quiet():  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
        self._human.cancel()
        await asyncio.wait([self._human])

    async def _is_quiet(self) -> bool:
        wanted = [TopicPartition(topic, n) for topic in CATALOGUE for n in range(CATALOGUE[topic].partitions)]
        try:
            before = await ends(self.bootstrap, wanted)
            if any(before[TopicPartition(HANDOFFS, n)] > seen for n, seen in self.human.seen.items()):
                return False
            if await behind(self.bootstrap, workers_group(), PARTITIONS):
                return False
            stored = stored_ends(self.disk.folder / "data")
            if any(tp.topic in STORED and stored.get((tp.topic, tp.partition), 0) < end for tp, end in before.items()):
                return False
            return await ends(self.bootstrap, wanted) == before
        except (ConfigError, KafkaError, OSError) as error:
            self.tell(f"  not quiet: {error}")
            return False

    async def _mended(self) -> None:
        """What a late writer left behind newer states, its owner writes again; the judge sees where it did not."""
        deadline_s, told = time.monotonic() + MENDED_S_MAX, 0
        while left := len(stale(await read(self.bootstrap, STATES, PARTITIONS))):
            if left != told:
                self.tell(f"  {left} old states lie behind newer ones, waiting until their owner has found them")
            if time.monotonic() >= deadline_s:
                break
            told = left
            await asyncio.sleep(MENDED_POLL_S)

    async def _stop(self) -> list[int | None]:
        statuses = await asyncio.gather(*(member.retire() for member in self.crew.members), self.sink.retire())
        self.report.figures["exit statuses at the end"] = statuses
        return statuses

    # --- figures

    def _count(self) -> None:
        figures, heard = self.report.figures, self.agents.heard
        members: list[Member[Any]] = [*self.crew.all, self.sink]
        figures["disk full by"] = self.disk.how
        figures["workers stopped with something on its way"] = self.report.caught
        figures["worker starts"] = sum(one.starts for one in self.crew.all)
        figures["sink starts"] = self.sink.starts
        figures["raw events acknowledged / refused"] = f"{self.publisher.acknowledged} / {self.publisher.refused}"
        figures["questions of agents, by outcome"] = dict(heard.outcomes)
        figures["handoffs seen by the human"] = len(self.human.answered)
        unasked = Counter(_reason(end.last_line) for member in members for end in member.ends if not end.asked)
        figures["ends that the harness did not ask for"] = sum(unasked.values())
        self.report.unasked = unasked


def _reason(line: str) -> str:
    """A last line without its numbers, so that equal reasons are counted together."""
    return "".join("n" if one.isdigit() else one for one in line)[:160]


def carry_out(plan: Plan, folder: Path, tell: Tell) -> Report:
    """A whole run on brokers of its own."""
    with EmbeddedBroker() if plan.broker == "embedded" else Cluster(nodes=3) as cluster:
        return asyncio.run(_within(plan, folder, cluster, tell))


async def _within(plan: Plan, folder: Path, cluster: Cluster | EmbeddedBroker, tell: Tell) -> Report:
    return await Run(plan, folder, cluster, tell).carry_out()
