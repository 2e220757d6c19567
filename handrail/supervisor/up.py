"""`handrail up` from start to end: a broker, topics, workers and the sink; kept running; ended in order."""

import asyncio
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from handrail.broker.ports import is_free
from handrail.policies import load_bundle
from handrail.schemas.errors import ConfigError, EngineError
from handrail.streams.engine.activate import in_force
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.keys import load_or_make_key, read_key
from handrail.streams.settings import environment_without
from handrail.streams.sink.log_reader import cluster_id
from handrail.supervisor import broker as brokers
from handrail.supervisor.broker import BrokerWatch
from handrail.supervisor.child import handrail
from handrail.supervisor.crew import Crew, EndTimes, Member, RestartLimit, restart_delay
from handrail.supervisor.folder import Claim, Run, claimed
from handrail.supervisor.plan import DESK, SINK, endpoints, parts
from handrail.supervisor.rules import IdleRules
from handrail.supervisor.settings import UpSettings
from handrail.supervisor.stored import count_missing, log_ends
from handrail.supervisor.terminal import Progress, StopSignals

IN_FORCE_S = 10.0  # for the first state to come
TEND_S = 0.1
CANCEL_AGAIN_S = 0.5
LOGIN = re.compile(r"log in once with \S+")  # in the line with which the desk says that it is ready
# What an end may take: 15 s for the workers, 20 s until all is stored, 15 s for the sink, 5 s for the broker.
WORKERS_END_S, STORED_S, SINK_END_S = 15.0, 20.0, 15.0
LOST_BROKER_S = 3.0  # for the sink to store what it has read
DEFAULT_LIMIT = RestartLimit()

Notify = Callable[[str], None]


async def run(settings: UpSettings, ready: Notify, progress: Progress, limit: RestartLimit = DEFAULT_LIMIT) -> None:
    """Keep everything running until SIGTERM, SIGINT or SIGHUP. `ready` gets one line when all is up.

    Raises HandrailError where it cannot start, or where something ends again and again; all is ended then too.
    """
    _check(settings)
    with claimed(settings.data) as claim:
        up = Up(settings, claim, progress, limit)
        stop = StopSignals(up.kill)
        work = asyncio.create_task(up.keep(ready))
        asked = asyncio.create_task(stop.asked.wait())
        try:
            await asyncio.wait((work, asked), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await _cancelled(work, asked)
            await up.end()


async def _cancelled(*tasks: "asyncio.Task[Any]") -> None:
    """Return when all have ended. Cancels again and again: a client that is connecting may swallow a cancellation."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


def _check(settings: UpSettings) -> None:
    """Check what a person can set wrongly before anything starts. Raises HandrailError."""
    if settings.policies is not None:
        load_bundle(settings.policies)
    if settings.key is not None:
        read_key(settings.key)
    taken = {f"--http-port {settings.http_port}": list(endpoints(settings).values())}
    if settings.desk_at is not None:
        taken[f"--desk-port {settings.desk_port}"] = [settings.desk_at]
    for option, addresses in taken.items():
        for address in addresses:
            if not is_free(int(address.rpartition(":")[2])):
                raise ConfigError(f"handrail up: {option}: {address} is taken: choose another, or 0 for none")


class Up:
    """One run: `keep` starts everything and never returns, `end` ends it in order, `kill` at once."""

    def __init__(self, settings: UpSettings, claim: Claim, progress: Progress, limit: RestartLimit) -> None:
        self._settings, self._claim, self._progress, self._limit = settings, claim, progress, limit
        self._broker: brokers.OwnBroker | None = None
        self._broker_ends = EndTimes()
        self._bootstrap, self._cluster = settings.bootstrap or "", ""
        self._watch: BrokerWatch | None = None
        self._crew = Crew(limit, environment_without("http"), progress.print_line)

    async def keep(self, ready: Notify) -> NoReturn:
        """Start everything, report when it is up, restart what ends. Raises HandrailError where that does not help."""
        await self._connect()
        self._hire()
        with self._progress.doing(f"starting the sink and {_counted(self._settings.workers)}"):
            while not self._crew.ready:
                await self._tend()
        ready(await self._ready_line())
        rules = IdleRules(self._settings.data, self._progress.print_line)
        while True:
            await self._tend()
            rules.look()

    async def end(self) -> None:
        """Workers first, then the sink when it has stored what they wrote, then the broker."""
        if self._watch is not None:
            self._watch.close()
        if self._crew.members:
            with self._progress.doing("ending: workers"):
                await self._crew.end(self._workers, signal.SIGTERM, WORKERS_END_S)
            with self._progress.doing("ending: the sink stores the rest"):
                await self._end_sink()
        if self._broker is not None:
            await asyncio.to_thread(self._broker.stop)

    def kill(self) -> None:
        """Kill everything at once."""
        self._crew.kill()
        if self._broker is not None:
            self._broker.stop()

    async def _connect(self) -> None:
        """Connect to a broker, create the topics, and note which broker it is."""
        if self._settings.own_broker:
            self._report_last_run()
            with self._progress.doing("starting the embedded broker"):
                self._broker = brokers.start_broker(self._settings.own_port)
            self._bootstrap = self._broker.bootstrap
        with self._progress.doing(f"topics at {self._bootstrap}"):
            await self._meet()

    async def _meet(self) -> None:
        await ensure_topics(self._bootstrap)
        self._cluster = await cluster_id(self._bootstrap)
        self._watch = BrokerWatch(self._bootstrap, self._cluster, self._settings.broker_away_s)
        own = self._broker is not None
        self._claim.note(Run(os.getpid(), self._bootstrap, own, self._cluster, endpoints(self._settings)))

    def _report_last_run(self) -> None:
        last = self._claim.last
        if last is not None and last.embedded:
            self._progress.print_line(
                f"handrail up: the log of the last run ({last.cluster_id}) is gone with its embedded broker: "
                f"conversations and open approvals begin anew; what was stored of it stays in {self._settings.data}"
            )

    def _hire(self) -> None:
        load_or_make_key(self._settings.key_file)
        for part in parts(self._settings, self._bootstrap):
            log = self._settings.data / "logs" / f"{part.name}.log"
            self._crew.members[part.name] = Member(part.name, handrail(*part.arguments), log)

    @property
    def _workers(self) -> list[str]:
        return [name for name in self._crew.members if name != SINK]

    async def _tend(self) -> None:
        if self._broker is not None and self._broker.ended:
            await self._replace_broker(self._broker)
        if self._watch is not None:
            self._watch.look()
            if self._watch.cluster != self._cluster:
                await self._meet_another(self._watch.cluster)
        self._crew.tend()
        await asyncio.sleep(TEND_S)

    async def _meet_another(self, cluster: str) -> None:
        """Processes that knew the log before end by themselves, and are restarted as always."""
        self._progress.print_line(
            f"handrail up: another log is at {self._bootstrap}: is cluster {cluster} now, was {self._cluster}: "
            f"conversations, open approvals and handoffs begin anew; what was stored stays in {self._settings.data}"
        )
        await self._meet()

    async def _replace_broker(self, gone: brokers.OwnBroker) -> None:
        """Start a new broker, which is empty, and restart every process that knew the log of the old one."""
        self._broker_ends, wait_s = restart_delay(self._broker_ends, time.monotonic(), self._limit)
        if wait_s is None:
            raise EngineError(
                f"handrail up: the embedded broker ended {len(self._broker_ends.at_s)} times within "
                f"{self._limit.window_s:g} s, given up: is there memory enough? Else use a Kafka broker (--bootstrap)"
            )
        self._progress.print_line(
            f"handrail up: the embedded broker ended, and the whole log with it ({self._cluster}): conversations, "
            f"open approvals and handoffs begin anew; DuckDB keeps what was stored of it; "
            f"starting a new, empty one and everything else with it in {wait_s:g} s"
        )
        await self._crew.end(self._workers, signal.SIGKILL, LOST_BROKER_S)
        await self._crew.end([SINK], signal.SIGTERM, LOST_BROKER_S)
        gone.stop()
        await asyncio.sleep(wait_s)
        self._broker = brokers.start_broker(int(gone.bootstrap.rpartition(":")[2]))
        await self._meet()
        self._crew.start_all()

    async def _ready_line(self) -> str:
        rulesets = await self._rulesets()
        data, http = self._settings.data, endpoints(self._settings)
        kind = " (embedded, in memory)" if self._broker is not None else ""
        metrics = f", metrics http://{http[SINK]}/metrics" if http else ""
        doctor = f"handrail doctor --bootstrap {self._bootstrap} --data {data}"
        return (
            f"ready: {self._bootstrap}{kind}, {_counted(self._settings.workers)}, ruleset {rulesets}, "
            f"data {data}{metrics}{self._desk_line()}; next: {doctor}"
        )

    async def _rulesets(self) -> str:
        """The rulesets in force; a worker that is ready has written them, or is about to."""
        deadline_s = time.monotonic() + IN_FORCE_S
        while True:
            rulesets = {state.ruleset for state in (await in_force(self._bootstrap)).values()} - {""}
            if rulesets or time.monotonic() > deadline_s:
                return ", ".join(sorted(rulesets)) or "none"
            await asyncio.sleep(0.05)  # a broker sends no event for this

    def _desk_line(self) -> str:
        """The address of the desk, and the first login that it prints."""
        desk = self._crew.members.get(DESK)
        if desk is None or desk.child is None:
            return ""
        login = LOGIN.search(desk.child.ready_line)
        return f", desk http://{self._settings.desk_at}" + (f" ({login[0]})" if login else "")

    async def _end_sink(self) -> None:
        last = {}
        with suppress(ConfigError, TimeoutError):  # a broker that is gone has no ends
            last = await log_ends(self._bootstrap)
        sink = self._crew.members[SINK].child
        if sink is not None and sink.poll() is None:
            await count_missing(self._settings.data, self._cluster, last, STORED_S)
        await self._crew.end([SINK], signal.SIGTERM, SINK_END_S)
        if count := await count_missing(self._settings.data, self._cluster, last):
            fate = "and gone with the embedded broker" if self._broker is not None else "the next start stores them"
            self._progress.print_line(f"handrail up: {count} records of the log are not in the database, {fate}")


def _counted(workers: int) -> str:
    return f"{workers} worker{'s' if workers > 1 else ''}"
