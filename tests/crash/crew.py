"""Processes of Handrail that are started again when they end, as `handrail up` does, and that faults can hit."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

from tests.crash.waiting import POLL_S, until
from tests.processes import HandrailProcess

AGAIN_S = 1.0
FIND_S_MAX = 90.0
END_S_MAX = 60.0

P = TypeVar("P", bound=HandrailProcess)


@dataclass(frozen=True, slots=True)
class End:
    """A process ended: with which status, what its last line was, and whether the harness had made it."""

    name: str
    status: int
    last_line: str
    asked: bool


class Member(Generic[P]):
    """One place of the crew: the process in it is replaced whenever it ends, until it is retired."""

    def __init__(self, name: str, start: Callable[[Path], P], folder: Path) -> None:
        self.name, self._start, self._folder = name, start, folder
        self.starts = 0
        self.ends: list[End] = []
        self.process: P | None = None
        self.paused = False
        self._asked = False
        self._task = asyncio.create_task(self._keep(), name=name)

    @property
    def running(self) -> P | None:
        """The process, where one runs."""
        found = self.process
        return found if found is not None and found.process.poll() is None else None

    @property
    def is_ready(self) -> bool:
        """Whether its process runs and has said that it is ready."""
        return self.running is not None and self.running.ready

    async def ready(self, seconds_max: float) -> P:
        """The process, once it has said that it is ready."""
        await until(lambda: self.is_ready, seconds_max)
        assert self.process is not None
        return self.process

    def kill(self) -> None:
        """`kill -9`; another one is started."""
        if (found := self.running) is not None:
            self._asked = True
            found.process.send_signal(signal.SIGKILL)

    def stop(self) -> P | None:
        """SIGSTOP; the process, None where none runs."""
        found = self.running
        if found is not None:
            found.process.send_signal(signal.SIGSTOP)
            self.paused = True
        return found

    def go_on(self, stopped: P) -> bool:
        """SIGCONT; whether that process is still there."""
        self.paused = False
        if stopped.process.poll() is None:
            stopped.process.send_signal(signal.SIGCONT)
        return stopped.process.poll() is None

    async def retire(self) -> int | None:
        """SIGTERM, and nothing comes in its place; the exit status, None where none ran or it had to be killed."""
        self._task.cancel()
        await asyncio.wait([self._task])
        found = self.running
        if found is None:
            return None
        found.process.send_signal(signal.SIGTERM)
        try:
            await until(lambda: found.process.poll() is not None, END_S_MAX)
        except TimeoutError:
            await asyncio.to_thread(found.kill)
            self.ends.append(End(self.name, -signal.SIGKILL, f"SIGTERM did not end it in {END_S_MAX:g} s", False))
            return None
        self._note(found, asked=True)
        return found.process.returncode

    def end(self) -> None:
        """Killed, and nothing comes in its place."""
        self._task.cancel()
        if self.process is not None:
            self.process.kill()

    async def _keep(self) -> None:
        while True:
            self.starts += 1
            self._asked = False
            self.process = self._start(self._folder / f"{self.name}-{self.starts}.log")
            while self.process.process.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
            self._note(self.process, asked=self._asked)
            if not self._asked:
                await asyncio.sleep(AGAIN_S)

    def _note(self, found: P, *, asked: bool) -> None:
        lines = found.said().strip().splitlines()
        self.ends.append(End(self.name, found.process.returncode, lines[-1] if lines else "", asked))


class Crew(Generic[P]):
    """The workers."""

    def __init__(self, start: Callable[[Path], P], folder: Path) -> None:
        self._start, self._folder = start, folder
        self.members: list[Member[P]] = []
        self.retired: list[Member[P]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.end()

    def add(self) -> Member[P]:
        """One more."""
        number = len(self.members) + len(self.retired) + 1
        self.members.append(Member(f"worker-{number}", self._start, self._folder))
        return self.members[-1]

    async def remove(self, pick: float) -> int | None:
        """One fewer; its exit status."""
        member = await self.find(pick)
        self.members.remove(member)
        self.retired.append(member)
        return await member.retire()

    async def find(self, pick: float, *, ready: bool = False) -> Member[P]:
        """A member that runs and is not stopped; waited for where there is none."""
        await until(lambda: bool(self._up(ready)), FIND_S_MAX)
        return self._up(ready)[int(pick * len(self._up(ready)))]

    def _up(self, ready: bool) -> list[Member[P]]:
        return [
            member for member in self.members if member.running and not member.paused and (member.is_ready or not ready)
        ]

    @property
    def all(self) -> list[Member[P]]:
        """Those that are there, and those that were."""
        return [*self.members, *self.retired]
