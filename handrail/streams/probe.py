"""How a process is: what it answers when it is asked, and what in it waits for what."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Yes where `reason` is empty, else one line that says why not; `more` goes with it either way."""

    reason: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


Question = Callable[[], ProbeResult]


WAIT_S_MIN = 2.0  # shorter ones are everyday
LOG_S = 5.0  # then it is worth a line
LOOK_S = 1.0

For = Literal["broker", "states", "policies", "fold", "disk", "readers"]
WORDS: Mapping[For, str] = {
    "broker": "the broker",
    "states": "its states",
    "policies": "policies",
    "fold": "the fold, which is behind",
    "disk": "the disk",
    "readers": "readers of the database",
}


@dataclass(frozen=True, slots=True)
class Wait:
    """What is waited `for`, for how long, and a line with the `detail`."""

    for_: For
    seconds: float
    detail: str


Waits = Mapping[str, Wait]
"""By what waits: `partition 3`, `rows`."""
Look = Callable[[], Waits]


def with_waits(question: Question, look: Look) -> ProbeResult:
    """The answer with what waits; unchanged where nothing does."""
    answer = question()
    waits = {
        who: {"for": wait.for_, "seconds": round(wait.seconds, 1), "told": wait.detail} for who, wait in look().items()
    }
    return ProbeResult(answer.reason, {**answer.more, **({"waits": waits} if waits else {})})


class WaitLog:
    """The lines of a log: one when something has waited for LOG_S, one when it goes on. At most one for each cause."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._since_s: dict[For, float] = {}  # of what was reported

    def lines(self, waits: Waits, now_s: float) -> Iterator[str]:
        """The new lines at `now_s`, seconds of any steady clock."""
        waiting = {wait.for_ for wait in waits.values()}
        for cause in [cause for cause in self._since_s if cause not in waiting]:
            lasted_s = now_s - self._since_s.pop(cause)
            yield f"{self._process}: goes on: it waited for {WORDS[cause]} for {lasted_s:.0f} s"
        for cause in sorted(waiting - self._since_s.keys()):
            who = {name: wait for name, wait in waits.items() if wait.for_ == cause}
            longest = max(who.values(), key=lambda wait: wait.seconds)
            if longest.seconds >= LOG_S:
                self._since_s[cause] = now_s - longest.seconds
                yield f"{self._process}: {', '.join(who)}: waits for {WORDS[cause]}: {longest.detail}"


@asynccontextmanager
async def reporting(process: str, look: Look, notice: Callable[[str], None]) -> AsyncIterator[None]:
    """Within the block, `notice` gets lines about what waits. Looks every LOOK_S."""
    task = asyncio.create_task(_report(process, look, notice), name="waits")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def _report(process: str, look: Look, notice: Callable[[str], None]) -> None:
    log = WaitLog(process)
    while True:
        await asyncio.sleep(LOOK_S)
        for line in log.lines(look(), time.monotonic()):
            notice(line)
