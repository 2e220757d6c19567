"""One agent, day by day: how often each bin of each measure was seen, and sums where it is a number."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from handrail.streams.quality.baseline import Baseline
from handrail.streams.quality.interval import Daily
from handrail.streams.quality.psi import Counts
from handrail.streams.quality.shift import Shift, shift

SHIFTING = ("intents", "verdicts", "confidence", "score", "csat", "cost_usd")
NOTHING: Counts = {}


class Bin(NamedTuple):
    """One bin of one measure on one day; `total` is the sum of its values, None where they are no numbers."""

    day: date
    measure: str
    bin: str | None
    n: int
    total: float | None


@dataclass(frozen=True)
class AgentRecord:
    """All measures of one agent."""

    counts: dict[tuple[str, date], Counter[str]]
    series: dict[str, list[Daily]]
    first: date

    @classmethod
    def of(cls, bins: Iterable[Bin]) -> "AgentRecord":
        """From bins in the order of days; at least one."""
        counts: dict[tuple[str, date], Counter[str]] = {}
        daily: dict[tuple[str, date], Daily] = {}
        found = list(bins)
        for one in found:
            key = one.measure, one.day
            if one.bin is not None:
                counts.setdefault(key, Counter())[one.bin] += one.n
            if one.total is not None:
                so_far = daily.get(key, Daily(one.day, 0, 0.0))
                daily[key] = Daily(one.day, so_far.n + one.n, so_far.total + one.total)
        series: dict[str, list[Daily]] = {}
        for (measure, _), told in daily.items():
            series.setdefault(measure, []).append(told)
        return cls(counts, series, found[0].day)

    def shifts(self, baseline: Baseline, day: date) -> Iterator[tuple[str, Shift]]:
        """Each measure that has enough to speak on that day, beside the baseline and the day before."""
        for measure in SHIFTING:
            told = self.counts.get((measure, day), NOTHING)
            before = self.counts.get((measure, day - timedelta(days=1)), NOTHING)
            if (found := shift(self._baseline(measure, baseline), told, before)) is not None:
                yield measure, found

    def _baseline(self, measure: str, baseline: Baseline) -> Counts:
        found: Counter[str] = Counter()
        for number in range((baseline.end - baseline.first).days):
            found.update(self.counts.get((measure, baseline.first + timedelta(days=number)), NOTHING))
        return found
