"""What each partition of a worker waits for: the broker, its states, policies, or the fold itself."""

import time
from collections.abc import Callable

from faust.types import TP

from handrail.streams.engine.partitions import Partitions
from handrail.streams.engine.pipeline import Pipeline
from handrail.streams.wait import WAIT_S_MIN, For, Wait, Waits

BEHIND_RECORDS = 1_000  # fewer are on their way under any load

Clock = Callable[[], float]
Found = tuple[For, float | None, str]
"""What for, for how long where that is known, and what is told of it."""


class PartitionWaits:
    """Looked at now and then; what has begun to wait is remembered from one look to the next, a time a partition."""

    def __init__(self, partitions: Partitions, clock_s: Clock = time.monotonic) -> None:
        self._partitions, self._clock_s = partitions, clock_s
        self._since_s: dict[tuple[TP, For], float] = {}

    def look(self) -> Waits:
        """The partitions that have waited for WAIT_S_MIN or longer."""
        now_s = self._clock_s()
        found = {tp: one for tp, one in self._all() if one is not None}
        waiting = {(tp, cause) for tp, (cause, _, _) in found.items()}
        self._since_s = {one: self._since_s.get(one, now_s) for one in waiting}
        waits = {
            f"partition {tp.partition}": Wait(cause, self._lasted_s(tp, cause, seconds, now_s), told)
            for tp, (cause, seconds, told) in sorted(found.items())
        }
        return {who: wait for who, wait in waits.items() if wait.seconds >= WAIT_S_MIN}

    def _lasted_s(self, tp: TP, cause: For, seconds: float | None, now_s: float) -> float:
        return now_s - self._since_s[tp, cause] if seconds is None else seconds

    def _all(self) -> list[tuple[TP, Found | None]]:
        starting = [(tp, self._recovering(tp)) for tp in self._partitions.starting]
        return [*starting, *((tp, _of(pipeline)) for tp, pipeline in self._partitions.pipelines.items())]

    def _recovering(self, tp: TP) -> Found:
        read, end = self._partitions.progress.get(tp.partition, (0, 0))
        return "states", None, f"{read:,} of {end:,} states read" if end else "it is being recovered"


def _of(pipeline: Pipeline) -> Found | None:
    """What keeps this partition; None where nothing does. What is nearest to the broker is what keeps the rest."""
    full = f"; {pipeline.backlog_bytes / 1e6:.0f} MB are fetched and not decided, so it is paused"
    paused = full if pipeline.full else ""
    if pipeline.unacknowledged_s >= WAIT_S_MIN:
        seconds = pipeline.unacknowledged_s
        return "broker", seconds, f"a produce is not acknowledged for {seconds:.0f} s{paused}"
    if (seconds := pipeline.unanswered_s) >= WAIT_S_MIN:
        return "broker", seconds, f"a fetch is not answered for {seconds:.0f} s"
    lag = pipeline.lag or 0
    if lag > BEHIND_RECORDS or pipeline.full:
        return "fold", None, f"{lag:,} records are not decided yet{paused}"
    if not pipeline.governed.is_set():  # what activates a bundle is on the log, behind all that waits
        return "policies", None, "no bundle is active: every proposal is blocked"
    return None
