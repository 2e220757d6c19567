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
        rows = list(bins)
        for row in rows:
            key = row.measure, row.day
            if row.bin is not None:
                counts.setdefault(key, Counter())[row.bin] += row.n
            if row.total is not None:
                so_far = daily.get(key, Daily(row.day, 0, 0.0))
                daily[key] = Daily(row.day, so_far.n + row.n, so_far.total + row.total)
        series: dict[str, list[Daily]] = {}
        for (measure, _), of_day in daily.items():
            series.setdefault(measure, []).append(of_day)
        return cls(counts, series, rows[0].day)

    def shifts(self, baseline: Baseline, day: date) -> Iterator[tuple[str, Shift]]:
        """Each measure that has enough to speak on that day, beside the baseline and the day before."""
        for measure in SHIFTING:
            counts = self.counts.get((measure, day), NOTHING)
            before = self.counts.get((measure, day - timedelta(days=1)), NOTHING)
            if (shifted := shift(self._baseline(measure, baseline), counts, before)) is not None:
                yield measure, shifted

    def _baseline(self, measure: str, baseline: Baseline) -> Counts:
        total: Counter[str] = Counter()
        for number in range((baseline.end - baseline.first).days):
            total.update(self.counts.get((measure, baseline.first + timedelta(days=number)), NOTHING))
        return total
