"""The scissors alarm: an agent gets cheaper, or keeps more customers from humans, while it gets worse for them.

Each day, the means of the last 28 days (those after the baseline) are compared with the baseline's. The alarm is on
where at least one measure of effort and one of quality have both moved the wrong way, each beyond its own bound
(`interval`). Each alone has good reasons; together they are what nobody saw at Klarna.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from handrail.streams.quality.baseline import Baseline
from handrail.streams.quality.interval import Daily, Mean, bound, mean_of, onset

WINDOW_DAYS = 28


@dataclass(frozen=True, slots=True)
class Measure:
    """`direction`: the wrong way, 1 where it rises, -1 where it falls. `settles_days`: known so much later."""

    name: str
    direction: int
    settles_days: int = 0


EFFORT = (Measure("cost_usd", -1), Measure("deflection", 1))
QUALITY = (Measure("csat", -1), Measure("score", -1), Measure("verified", -1, 7), Measure("repeated", 1, 7))


@dataclass(frozen=True, slots=True)
class Move:
    """A measure beyond its bound, and since when."""

    measure: str
    before: Mean
    after: Mean
    bound: float
    since: date

    @property
    def change(self) -> float:
        """By how much, as a share of what it was."""
        return self.after.mean / self.before.mean - 1 if self.before.mean else float(self.after.mean > 0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one day came to."""

    effort: tuple[Move, ...]
    quality: tuple[Move, ...]

    @property
    def alarm(self) -> bool:
        """Whether the scissors are open."""
        return bool(self.effort and self.quality)

    @property
    def since(self) -> date:
        """Since when both have moved; only of an alarm."""
        return max(min(move.since for move in moves) for moves in (self.effort, self.quality))


def compare(series: Mapping[str, Sequence[Daily]], baseline: Baseline, day: date) -> Comparison | None:
    """What the series, by measure and each in the order of days, say at the end of `day`; later days are not looked at.

    None where no measure of effort, or none of quality, has enough to speak.
    """
    sides = [
        [_move(series.get(measure.name, ()), measure, baseline, day) for measure in measures]
        for measures in (EFFORT, QUALITY)
    ]
    if any(all(move is None for move in side) for side in sides):
        return None
    effort, quality = (tuple(move for move in side if isinstance(move, Move)) for side in sides)
    return Comparison(effort, quality)


def window(baseline: Baseline, last: date) -> date:
    """The first of the days up to `last` that are compared with the baseline."""
    return max(baseline.end, last - timedelta(days=WINDOW_DAYS - 1))


def _move(days: Sequence[Daily], measure: Measure, baseline: Baseline, day: date) -> Move | bool | None:
    """The move; False where it has not moved; None where there is not enough."""
    last = day - timedelta(days=measure.settles_days)
    since_baseline = [each for each in days if baseline.end <= each.day <= last]
    before = mean_of([each for each in days if baseline.has(each.day)])
    after = mean_of([each for each in since_baseline if each.day >= window(baseline, last)])
    if before is None or after is None:
        return None
    limit = bound(before, after)
    if measure.direction * (after.mean - before.mean) <= limit:
        return False
    since = onset(since_baseline, before.mean, measure.direction, limit)
    return Move(measure.name, before, after, limit, since)
