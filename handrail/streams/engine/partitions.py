"""The partitions this worker owns: recovered when they come, let go when they leave."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from faust.types import TP

from handrail.kafka.log_id import LogId
from handrail.schemas.errors import EngineError, FoldError
from handrail.schemas.topics import AGENT_EVENTS, POLICIES, STATES
from handrail.streams.engine import changelog, controls
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.changelog import Loading
from handrail.streams.engine.consumer import BatchConsumer
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.counters import Counters
from handrail.streams.engine.delivery import Delivery
from handrail.streams.engine.fatal import die, die_of
from handrail.streams.engine.origin import Origin, check_end
from handrail.streams.engine.pipeline import Pipeline
from handrail.streams.engine.reading import PassedOver
from handrail.streams.engine.refold import cut, refold
from handrail.streams.engine.standby import Standby
from handrail.streams.governor.partition import PartitionFold

Notice = Callable[[str], None]


class Partitions:
    """One pipeline for each partition of `agent.events.v1` that is assigned to this worker."""

    def __init__(
        self,
        bootstrap: str,
        count: int,
        issuer: Issuer,
        bundles: Bundles,
        counters: Counters,
        notice: Notice,
        log: LogId,
    ) -> None:
        self._bootstrap, self._count, self._issuer, self._bundles = bootstrap, count, issuer, bundles
        self._counters, self._notice, self._origin = counters, notice, Origin.of(log)
        self._starting: dict[TP, list[Any]] = {}  # events that came before their partition was recovered
        self._pipelines: dict[TP, Pipeline] = {}
        self._tasks: dict[TP, asyncio.Task[None]] = {}
        self._left: dict[TP, Pipeline] = {}  # to be taken up again if no other worker had them meanwhile
        self._standbys: dict[TP, Standby] = {}
        self._closing: set[asyncio.Task[None]] = set()  # of standbys
        self._assigned = asyncio.Event()
        self.passed: list[PassedOver] = []  # states of which no alert was raised yet
        self.progress: dict[int, tuple[int, int]] = {}  # of recoveries, as last reported: states read, and all

    async def ready(self) -> None:
        """Returns when the first partitions that were assigned are governed."""
        await self._assigned.wait()
        await asyncio.gather(*(pipeline.governed.wait() for pipeline in self._pipelines.values()))

    @property
    def assigned(self) -> bool:
        """Whether the group has said once which partitions are ours, and they were recovered."""
        return self._assigned.is_set()

    @property
    def rulesets(self) -> str:
        """The bundles in force in the recovered partitions, as one line."""
        return ", ".join(sorted({pipeline.fold.ruleset for pipeline in self._pipelines.values()} - {""})) or "none"

    @property
    def starting(self) -> Collection[TP]:
        """Those that are being recovered."""
        return self._starting.keys()

    @property
    def pipelines(self) -> Mapping[TP, Pipeline]:
        """Those that are recovered."""
        return self._pipelines

    @property
    def standbys(self) -> Mapping[TP, Standby]:
        """Those that another worker owns, and whose states are read along here."""
        return self._standbys

    def assign(self, consumer: BatchConsumer, assigned: Iterable[TP], standbys: Iterable[TP] = ()) -> None:
        """Start the pipelines of the assigned partitions, and read along with `standbys`; all others are not ours."""
        mine = {tp for tp in assigned if tp.topic == AGENT_EVENTS}
        self._stand_by({tp for tp in standbys if tp.topic == AGENT_EVENTS} - mine, mine)
        self._left = {tp: pipeline for tp, pipeline in self._left.items() if tp in mine}
        for tp in mine - self._tasks.keys():
            self._starting[tp] = []
            self._tasks[tp] = asyncio.create_task(self._run(consumer, tp), name=f"{tp.topic}[{tp.partition}]")
            self._tasks[tp].add_done_callback(self._ended)
        self._set_assigned()

    def put(self, event: Any) -> None:
        """Hand an event with a Fetch to its partition; one that is not ours any more is given back."""
        tp = event.message.tp
        if (pipeline := self._pipelines.get(tp)) is not None:
            pipeline.put(event)
        elif (waiting := self._starting.get(tp)) is not None:
            waiting.append(event)
        else:
            event.ack()  # only the engine's own count is committed

    async def release(self, revoked: Iterable[TP]) -> None:
        """These partitions' deliveries are over, and no more begin, when this returns."""
        await asyncio.gather(*(self._release(tp) for tp in list(revoked)))

    async def close(self) -> None:
        """Release everything."""
        await self.release(list(self._tasks))
        self._stand_by(set(), set())
        await asyncio.gather(*self._closing)

    def _stand_by(self, wanted: set[TP], mine: set[TP]) -> None:
        """Read along with these; a standby of what is ours now serves its recovery."""
        for tp in self._standbys.keys() - wanted - mine:
            closing = asyncio.create_task(self._standbys.pop(tp).close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        for tp in wanted - self._standbys.keys():
            self._standbys[tp] = Standby(self._bootstrap, self._loading(tp), self._notice, self._assigned.wait)

    async def _release(self, tp: TP) -> None:
        task = self._tasks.pop(tp, None)
        if task is None:
            return
        pipeline = self._pipelines.pop(tp, None)
        if pipeline is None:  # not recovered yet: it has written nothing
            task.cancel()
            await asyncio.wait([task])
            for event in self._starting.pop(tp, ()):
                event.ack()
            return
        pipeline.close()
        await asyncio.wait([task])
        self._left[tp] = pipeline

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A pipeline ends when its partition was released, and never by itself."""
        die_of(task)
        if task in self._tasks.values():
            die(EngineError(f"{task.get_name()}: ended while it was assigned here: start the worker again"))

    async def _run(self, consumer: BatchConsumer, tp: TP) -> None:
        started_s = time.monotonic()
        fold, delivery = await self._recovered(tp)
        self._counters.recovered(time.monotonic() - started_s)
        await self._activate(fold, tp)
        pipeline = self._pipelines[tp] = Pipeline(
            tp, fold, delivery, consumer, self._issuer, self._bundles, self._counters
        )
        for event in self._starting.pop(tp):
            pipeline.put(event)
        self._set_assigned()
        try:
            await pipeline.run()
        except FoldError as broken:
            broken.get = ("--bootstrap", self._bootstrap)
            raise

    async def _recovered(self, tp: TP) -> tuple[PartitionFold, Delivery]:
        """The states as the changelog has them; those in memory, where no other worker has written since."""
        number = tp.partition
        self.progress.pop(number, None)
        left = self._left.pop(tp, None)
        await self._bundles.refresh()
        if left is not None and await changelog.end_of(self._bootstrap, number) == left.delivery.next_offset:
            return left.fold, left.delivery
        loading = await self._read_along(tp)
        end = await loading.read(partial(self._log_progress, number))
        loading.finish()
        fold = loading.fold
        fold.recovered()
        if fold.position >= 0:
            await check_end(self._bootstrap, number, fold.position)
        await self._loaded(fold)
        # An owner that was killed before it could repair them leaves them to the next owner.
        foreign = fold.overwritten | loading.foreign | await self._fold_doubtful(fold)
        self._report_passed(tp, loading)
        key = self._issuer.key
        producer, before = self._issuer.producer, loading.attested
        delivery = Delivery(producer, self._bootstrap, number, end, key, self._origin, before, loading.keys)
        delivery.foreign = foreign
        return fold, delivery

    async def _loaded(self, fold: PartitionFold) -> None:
        if fold.ruleset and not await self._bundles.load(fold.ruleset):
            raise EngineError(
                f"{AGENT_EVENTS}[{fold.number}]: bundle {fold.ruleset} is in force and not on {POLICIES} any more, or "
                "not to be used by this version: start with --policies and the folder that it was made of"
            )

    async def _fold_doubtful(self, fold: PartitionFold) -> set[bytes]:
        """Conversations of which no sure state was read are folded again; returns the keys that are to be written."""
        if not fold.doubtful and not fold.all_in_doubt:
            return set()
        place = f"{AGENT_EVENTS}[{fold.number}]"
        if fold.position < 0 and await cut(self._bootstrap, fold.number):
            raise EngineError(
                f"{place}: no state on {STATES} is attested by a key that counts here, and retention has cut the log, "
                "so it cannot be folded anew: start the worker with the key that governed here"
            )
        self._notice(f"handrail worker: {place}: of some conversations no state is sure: the log is folded again")
        again = await refold(self._bootstrap, fold.number, self._count, self._bundles, fold.position)
        if again is None:
            count = len(fold.doubtful)
            self._notice(f"handrail worker: {place}: of {count} conversations nothing sure is known: they are halted")
            return fold.lose(sorted(fold.doubtful))
        names = sorted(fold.missing(again) if fold.all_in_doubt else fold.doubtful)
        self._notice(f"handrail worker: {place}: {len(names)} conversations were folded again")
        return fold.adopt(again, names)

    def _report_passed(self, tp: TP, loading: Loading) -> None:
        """One line of each record that was passed over, and one of the rest."""
        for record in loading.passed:
            self._notice(f"handrail worker: {record}: passed over")
        if (more := loading.passed_n - len(loading.passed)) > 0:
            self._notice(f"handrail worker: {STATES}[{tp.partition}]: {more:,} more records are passed over")
        self.passed += loading.passed

    def _loading(self, tp: TP) -> Loading:
        fold = PartitionFold(tp.partition, self._count, self._bundles.known)
        key = None if self._issuer.key is None else self._issuer.key.public
        return Loading(self._bootstrap, fold, key, self._bundles, self._origin)

    async def _read_along(self, tp: TP) -> Loading:
        """A loading with what the standby has read of the changelog already."""
        standby = self._standbys.pop(tp, None)
        if standby is None:
            return self._loading(tp)
        await standby.close()
        if standby.loading.overflowed:
            return self._loading(tp)
        self._notice(f"handrail worker: {AGENT_EVENTS}[{tp.partition}]: {standby.offset:,} states were read along")
        return standby.loading

    def _log_progress(self, number: int, read: int, end: int) -> None:
        self.progress[number] = (read, end)
        self._notice(f"handrail worker: {AGENT_EVENTS}[{number}]: {read:,} of {end:,} states read")

    async def _activate(self, fold: PartitionFold, tp: TP) -> None:
        """The newest bundle that counts here decides from now on; the first time, our key comes with it."""
        self._issuer.check(fold)
        newest, key = await self._bundles.newest_for(fold.keys, fold.ruleset), self._issuer.key
        first = key is not None and not fold.keys
        if first or (newest and fold.ruleset != newest):
            event = controls.activation(newest, int(time.time() * 1000), key.public if first and key else None)
            await self._issuer.write(tp.partition, event, fold.sequence_floor)

    def _set_assigned(self) -> None:
        if not self._starting:
            self._assigned.set()
