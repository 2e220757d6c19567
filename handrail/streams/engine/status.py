"""How the partitions of a worker stand: for /healthz and /readyz, as gauges for /metrics, and what each waits for."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from faust.types import TP
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from handrail.streams.engine.partitions import Partitions
from handrail.streams.engine.pipeline import Pipeline
from handrail.streams.probe import WAIT_S_MIN, For, ProbeResult, Wait, Waits

# A broker that does not answer ends the worker after 30 s; what has not moved in twice that does not by itself.
STUCK_S_MAX = 60.0
BEHIND_RECORDS = 1_000  # fewer are on their way under any load

Gauges = Mapping[tuple[str, ...], float]
"""Values by their labels."""
Cause = tuple[For, float | None, str]
"""What is waited for, for how many seconds where that is known, and a line on it."""


def healthy(partitions: Partitions) -> ProbeResult:
    """No, where records have waited for STUCK_S_MAX and none was delivered: start the worker again."""
    for tp, pipeline in sorted(partitions.pipelines.items()):
        if pipeline.stuck_s > STUCK_S_MAX:
            return ProbeResult(
                f"{tp.topic}[{tp.partition}]: nothing delivered for {pipeline.stuck_s:.0f} s, records wait"
            )
    return ProbeResult()


def ready(partitions: Partitions) -> ProbeResult:
    """Yes, where partitions are assigned, and each is recovered and governed; a worker may have none of them."""
    states = {str(tp.partition): "recovering" for tp in partitions.starting}
    for tp, pipeline in partitions.pipelines.items():
        states[str(tp.partition)] = "governed" if pipeline.governed.is_set() else "no active policies"
    more = {"partitions": dict(sorted(states.items()))}
    if not partitions.assigned:
        return ProbeResult("no partitions are assigned yet", more)
    for number, state in more["partitions"].items():
        if state != "governed":
            return ProbeResult(f"partition {number}: {state}", more)
    return ProbeResult("", more)


class PartitionWaits:
    """What each partition waits for. `look` remembers since when, from one call to the next."""

    def __init__(self, partitions: Partitions, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._partitions, self._clock_s = partitions, clock_s
        self._since_s: dict[tuple[TP, For], float] = {}

    def look(self) -> Waits:
        """The partitions that have waited for WAIT_S_MIN or longer."""
        now_s = self._clock_s()
        causes = {tp: cause for tp, cause in self._all() if cause is not None}
        waiting = {(tp, for_) for tp, (for_, _, _) in causes.items()}
        self._since_s = {key: self._since_s.get(key, now_s) for key in waiting}
        waits = {
            f"partition {tp.partition}": Wait(for_, self._lasted_s(tp, for_, seconds, now_s), detail)
            for tp, (for_, seconds, detail) in sorted(causes.items())
        }
        return {who: wait for who, wait in waits.items() if wait.seconds >= WAIT_S_MIN}

    def _lasted_s(self, tp: TP, for_: For, seconds: float | None, now_s: float) -> float:
        return now_s - self._since_s[tp, for_] if seconds is None else seconds

    def _all(self) -> list[tuple[TP, Cause | None]]:
        starting = [(tp, self._recovering(tp)) for tp in self._partitions.starting]
        return [*starting, *((tp, _cause(pipeline)) for tp, pipeline in self._partitions.pipelines.items())]

    def _recovering(self, tp: TP) -> Cause:
        read, end = self._partitions.progress.get(tp.partition, (0, 0))
        return "states", None, f"{read:,} of {end:,} states read" if end else "it is being recovered"


def _cause(pipeline: Pipeline) -> Cause | None:
    """The cause that this partition waits for, if any. The one nearest to the broker comes first."""
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
    if not pipeline.governed.is_set():  # what activates a bundle is on the log, after all that waits
        return "policies", None, "no bundle is active: every proposal is blocked"
    return None


class PartitionGauges(Collector):
    """Gauges of the partitions of a worker, read at each scrape."""

    def __init__(self, partitions: Partitions) -> None:
        self._partitions = partitions

    def collect(self) -> Iterator[Any]:
        owned, starting = self._partitions.pipelines, self._partitions.starting
        yield _gauge("partitions", "Partitions assigned here", {(): len(owned) + len(starting)})
        yield _gauge("partitions_recovering", "Partitions whose states are being read", {(): len(starting)})
        yield _by_partition(
            "lag_records",
            "Records appended and not yet processed",
            {tp: pipeline.lag for tp, pipeline in owned.items()},
        )
        yield _by_partition(
            "backlog_bytes",
            "Bytes fetched and not yet processed",
            {tp: pipeline.backlog_bytes for tp, pipeline in owned.items()},
        )
        yield _by_partition(
            "stuck_seconds",
            "How long records have waited without any being delivered",
            {tp: pipeline.stuck_s for tp, pipeline in owned.items()},
        )
        standbys = self._partitions.standbys
        yield _by_partition(
            "standby_states",
            "Changelog records read of a partition that another worker owns",
            {tp: standby.offset for tp, standby in standbys.items()},
        )
        yield _by_partition(
            "standby_behind_states",
            "Changelog records of such a partition that are not read yet",
            {tp: standby.lag for tp, standby in standbys.items()},
        )
        stores = {tp: pipeline.fold.memory for tp, pipeline in owned.items()}
        yield _by_partition(
            "conversations", "Conversations remembered", {tp: len(store) for tp, store in stores.items()}
        )
        yield _by_partition(
            "entries",
            "Transcript and attempt entries remembered",
            {tp: store.entries_n for tp, store in stores.items()},
        )
        rulesets = InfoMetricFamily("handrail_worker_ruleset", "The active bundle", labels=["partition"])
        for tp, pipeline in owned.items():
            rulesets.add_metric([str(tp.partition)], {"ruleset": pipeline.fold.ruleset})
        yield rulesets


def _by_partition(name: str, what: str, values: Mapping[TP, float | None]) -> GaugeMetricFamily:
    known: Gauges = {(str(tp.partition),): value for tp, value in values.items() if value is not None}
    return _gauge(name, what, known, "partition")


def _gauge(name: str, what: str, gauges: Gauges, *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"handrail_worker_{name}", what, labels=labels)
    for values, value in gauges.items():
        family.add_metric(values, value)
    return family
