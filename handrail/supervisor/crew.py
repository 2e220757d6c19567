"""The processes of one `up`: started together, restarted after a delay when they end, ended in order."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from handrail.schemas.errors import ConfigError, EngineError
from handrail.supervisor.child import Child

WRONG_USE = 2
POLL_S = 0.05
SLOW_S = 60.0  # large states take time: a slow start is reported, not ended


@dataclass(frozen=True, slots=True)
class RestartLimit:
    """At most `restarts_max` within `window_s`; the first after `first_s`, each later one after twice as long.

    The defaults wait 31 s in all, which outlives a broker that is started again.
    """

    restarts_max: int = 5
    window_s: float = 60.0
    first_s: float = 1.0


@dataclass(frozen=True, slots=True)
class EndTimes:
    """When one process ended lately, oldest first, in seconds of any steady clock."""

    at_s: tuple[float, ...] = ()


def restart_delay(ends: EndTimes, now_s: float, limit: RestartLimit) -> tuple[EndTimes, float | None]:
    """Add one more end. Returns the seconds to wait before the restart, None where there were too many."""
    recent = (*(at_s for at_s in ends.at_s if now_s - at_s < limit.window_s), now_s)
    if len(recent) > limit.restarts_max:
        return EndTimes(recent), None
    return EndTimes(recent), limit.first_s * 2.0 ** (len(recent) - 1)


@dataclass(slots=True)
class Member:
    """One process over all its restarts. `due_s`: when it starts; None while it runs."""

    name: str
    command: Sequence[str]
    log: Path
    child: Child | None = None
    due_s: float | None = 0.0
    since_s: float = 0.0
    ends: EndTimes = field(default_factory=EndTimes)
    proven: bool = False  # was ready once, so its settings are right
    reported: bool = False  # whether the `ready` of this start, or its slowness, was reported


class Crew:
    """All members by their names. `notify` gets each line that a person should see."""

    def __init__(self, limit: RestartLimit, environment: Mapping[str, str], notify: Callable[[str], None]) -> None:
        self.members: dict[str, Member] = {}
        self._limit, self._environment, self._notify = limit, environment, notify

    @property
    def ready(self) -> bool:
        """Whether each process has been ready since its last start."""
        return all(each.child is not None and each.child.ready_line for each in self.members.values())

    def tend(self) -> None:
        """Start processes that are due, and handle those that have ended.

        Raises ConfigError where one was never ready and ends as used wrongly, EngineError where one ends too often.
        """
        now_s = time.monotonic()
        for member in self.members.values():
            if member.child is None:
                if member.due_s is not None and member.due_s <= now_s:
                    self._start(member, now_s)
            elif member.child.poll() is not None:
                self._ended(member, member.child, now_s)
            elif not member.reported:
                self._listen(member, member.child, now_s)

    def start_all(self) -> None:
        """Make each process that was ended due now."""
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
                self._notify(
                    f"handrail up: {member.name} did not end within {seconds_max:g} s: killed; see {member.log}"
                )
                member.child.kill()
            member.child = None

    def kill(self) -> None:
        """Kill all processes at once."""
        for member in self.members.values():
            member.due_s = None
            if member.child is not None:
                member.child.kill()

    def _start(self, member: Member, now_s: float) -> None:
        member.child = Child(member.command, member.log, self._environment)
        member.due_s, member.since_s, member.reported = None, now_s, False

    def _listen(self, member: Member, child: Child, now_s: float) -> None:
        if child.ready_line:
            if member.proven:
                self._notify(f"handrail up: {member.name} is ready again")
            member.reported = member.proven = True
        elif now_s - member.since_s > SLOW_S:
            self._notify(f"handrail up: {member.name} is not ready after {SLOW_S:g} s, waiting on; see {member.log}")
            member.reported = True

    def _ended(self, member: Member, child: Child, now_s: float) -> None:
        last_line = child.last_line or "it said nothing"
        if child.poll() == WRONG_USE and not member.proven:
            raise ConfigError(last_line)
        member.child = None
        member.ends, wait_s = restart_delay(member.ends, now_s, self._limit)
        count = len(member.ends.at_s)
        if wait_s is None:
            raise EngineError(
                f"handrail up: {member.name} ended {count} times within {self._limit.window_s:g} s, given up; "
                f"the last time it {child.end}: {last_line}; its log: {member.log}"
            )
        member.due_s = now_s + wait_s
        self._notify(
            f"handrail up: {member.name} {child.end}: {last_line}: "
            f"starting it again in {wait_s:g} s ({count} of {self._limit.restarts_max} times)"
        )


def _runs(member: Member) -> bool:
    return member.child is not None and member.child.poll() is None
