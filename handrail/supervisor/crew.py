"""The processes of one `up`: started together, started again when they end, ended in order."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from handrail.schemas.errors import ConfigError, EngineError
from handrail.supervisor.backoff import Ends, Limit, after_end
from handrail.supervisor.child import Child

WRONG_USE = 2
POLL_S = 0.05
SLOW_S = 60.0  # large states take their time, so nothing is ended for being slow, but it is said


@dataclass(slots=True)
class Member:
    """One process, over all its lives. `due_s`: when it is to be started; None while it runs."""

    name: str
    command: Sequence[str]
    log: Path
    child: Child | None = None
    due_s: float | None = 0.0
    since_s: float = 0.0
    ends: Ends = field(default_factory=Ends)
    proven: bool = False  # was ready once, so its settings are right
    heard: bool = False  # whether this life's `ready`, or its slowness, was told


class Crew:
    """All members by their names. `tell` gets a line for whatever a person should know."""

    def __init__(self, limit: Limit, environment: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self.members: dict[str, Member] = {}
        self._limit, self._environment, self._tell = limit, environment, tell

    @property
    def ready(self) -> bool:
        """Whether each has said so in this life."""
        return all(each.child is not None and each.child.ready_line for each in self.members.values())

    def tend(self) -> None:
        """Start what is due, and take note of what has ended.

        Raises ConfigError where one was never ready and says that it is used wrongly, EngineError where one ends again
        and again.
        """
        now_s = time.monotonic()
        for member in self.members.values():
            if member.child is None:
                if member.due_s is not None and member.due_s <= now_s:
                    self._start(member, now_s)
            elif member.child.poll() is not None:
                self._ended(member, member.child, now_s)
            elif not member.heard:
                self._listen(member, member.child, now_s)

    def start_all(self) -> None:
        """Each that was ended is to be started, now."""
        for member in self.members.values():
            member.due_s = 0.0 if member.child is None else None

    async def end(self, names: Iterable[str], number: signal.Signals, seconds_max: float) -> None:
        """Return when these are gone: signalled, and killed after `seconds_max`. They are not started again."""
        chosen = [self.members[name] for name in names]
        for member in chosen:
            member.due_s = None
            if member.child is not None:
                member.child.signal(number)
        deadline = time.monotonic() + seconds_max
        while any(map(_runs, chosen)) and time.monotonic() < deadline:  # noqa: ASYNC110 (processes set no event)
            await asyncio.sleep(POLL_S)
        for member in chosen:
            if member.child is not None and _runs(member):
                self._tell(f"handrail up: {member.name} did not end within {seconds_max:g} s: killed; see {member.log}")
                member.child.kill()
            member.child = None

    def kill(self) -> None:
        """All are gone, at once."""
        for member in self.members.values():
            member.due_s = None
            if member.child is not None:
                member.child.kill()

    def _start(self, member: Member, now_s: float) -> None:
        member.child = Child(member.command, member.log, self._environment)
        member.due_s, member.since_s, member.heard = None, now_s, False

    def _listen(self, member: Member, child: Child, now_s: float) -> None:
        if child.ready_line:
            if member.proven:
                self._tell(f"handrail up: {member.name} is ready again")
            member.heard = member.proven = True
        elif now_s - member.since_s > SLOW_S:
            self._tell(f"handrail up: {member.name} is not ready after {SLOW_S:g} s, waiting on; see {member.log}")
            member.heard = True

    def _ended(self, member: Member, child: Child, now_s: float) -> None:
        said = child.last_line or "it said nothing"
        if child.poll() == WRONG_USE and not member.proven:
            raise ConfigError(said)
        member.child = None
        member.ends, wait_s = after_end(member.ends, now_s, self._limit)
        count = len(member.ends.at_s)
        if wait_s is None:
            raise EngineError(
                f"handrail up: {member.name} ended {count} times within {self._limit.window_s:g} s, given up; "
                f"the last time it {child.end}: {said}; its log: {member.log}"
            )
        member.due_s = now_s + wait_s
        self._tell(
            f"handrail up: {member.name} {child.end}: {said}: "
            f"starting it again in {wait_s:g} s ({count} of {self._limit.restarts_max} times)"
        )


def _runs(member: Member) -> bool:
    return member.child is not None and member.child.poll() is None
