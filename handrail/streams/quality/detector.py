"""Whether a rate has left its reference: a day-robust e-CUSUM of daily counts.

An e-detector (J. Shin, A. Ramdas, A. Rinaldo, E-detectors: a nonparametric framework for sequential change detection,
2022, arXiv:2203.03532) multiplies, day by day, the likelihood ratio of a worse rate q against the bound r of the
reference, and begins anew wherever the product is below 1 (E. Page, Continuous inspection schemes, 1954):

    M_t = max(1, M_(t-1)) * ((q/r)^k ((1-q)/(1-r))^(n-k))^(1/f)

The alarm is on where the mean of M over several q reaches `arl`. With independent conversations (f = 1) the mean time
to a false alarm is at least `arl` days. Conversations of one day are alike, and so are days beside each other: the
dispersion f divides the evidence by how much more the baseline's days vary than independent conversations would. Then
the bound is only approximate; `python -m benchmarks.alarms` has the measured rate.

1 + M in place of max(1, M) (Shiryaev and Roberts) has the same bound, but grows by 1 on each day without a bet, and so
fires on day `arl` by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from math import exp, log, sqrt
from typing import NamedTuple

DAYS_MIN = 28
CONFIDENCE, QUANTILE = 0.9, 1.2816  # one-sided
CORRELATION_BIAS = 0.1  # a lag-1 correlation of 28 days comes out too low by about that much
CORRELATION_MAX = 0.9
NO_MEMORY = (1 + CORRELATION_BIAS) / (1 - CORRELATION_BIAS)
LOG_MAX = 34.5  # of one M: e^34.5 = 1e15


class Direction(IntEnum):
    """Which way is worse: a share of good outcomes falls, a share of errors rises."""

    DOWN = -1
    UP = 1


BEST = {Direction.DOWN: 1.0, Direction.UP: 0.0}
ALTERNATIVES = {Direction.DOWN: (0.02, 0.04, 0.07, 0.12, 0.25), Direction.UP: (0.03, 0.07, 0.15, 0.3, 0.5)}
"""How much worse than the bound, of what is left to lose: of r downwards, of 1 - r upwards."""


class Day(NamedTuple):
    """`n` outcomes from 0 to 1, and their sum `k`."""

    n: int
    k: float


@dataclass(frozen=True, slots=True)
class Reference:
    """What a rate is measured against.

    Attributes
    ----------
    rate
        Mean outcome of the baseline, without a unit, inside (0, 1).
    spread
        Variance of daily rates over that of independent conversations, at least 1.
    persistence
        (1 + r1) / (1 - r1), with r1 the lag-1 correlation of daily rates; at least 1.
    n_day
        Mean number of conversations on a day of the baseline.
    bound
        The rate that still counts as the reference: its one-sided 90 % limit, inside (0, 1).
    direction
        Which way is worse.
    """

    rate: float
    spread: float
    persistence: float
    n_day: float
    bound: float
    direction: Direction

    @classmethod
    def of(cls, days: Sequence[Day], direction: Direction = Direction.DOWN) -> "Reference | None":
        """The reference of baseline days, in order; days without conversations are left out.

        None where nothing can be said: fewer than DAYS_MIN days, or a rate that cannot get worse. Where nothing bad
        was ever seen, the bound is the exact limit of C. Clopper and E. Pearson (1934): 0.1^(1/n) downwards.
        """
        observed = [day for day in days if day.n > 0]
        if len(observed) < DAYS_MIN:
            return None
        n = sum(day.n for day in observed)
        rate = sum(day.k for day in observed) / n
        spread, persistence = _dispersion(observed, rate) if 0 < rate < 1 else (1.0, NO_MEMORY)
        bound = rate + direction * QUANTILE * sqrt(spread * persistence * rate * (1 - rate) / n)
        if rate == BEST[direction]:
            bound = rate + direction * (1 - (1 - CONFIDENCE) ** (1 / n))
        reference = cls(rate, spread, persistence, n / len(observed), bound, direction)
        return reference if 0 < bound < 1 else None

    def dispersion(self, n: int) -> float:
        """f on a day with `n` conversations.

        What days do to all their conversations does not shrink with more of them, so f grows with n beyond the
        baseline's days; below, it stays what it was there.
        """
        return (1 + (self.spread - 1) * max(1.0, n / self.n_day)) * self.persistence

    def alternatives(self) -> tuple[float, ...]:
        """The worse rates q that are bet on, inside (0, 1)."""
        left = self.bound if self.direction is Direction.DOWN else 1 - self.bound
        return tuple(self.bound + self.direction * left * part for part in ALTERNATIVES[self.direction])


@dataclass(frozen=True, slots=True)
class State:
    """ln M for each alternative, each at most LOG_MAX; nothing has been seen at first."""

    log_m: tuple[float, ...] = (0.0,) * len(ALTERNATIVES[Direction.DOWN])


def update(state: State, reference: Reference, day: Day) -> State:
    """The state after one more day. A day without conversations changes nothing.

    Raises ValueError where `day` is none: 0 <= k <= n has to hold.
    """
    if not 0 <= day.k <= day.n:
        raise ValueError(f"detector: {day.n} outcomes from 0 to 1 cannot sum up to {day.k}")
    if day.n == 0:
        return state
    r, f = reference.bound, reference.dispersion(day.n)
    grown = (
        max(0.0, before) + (day.k * log(q / r) + (day.n - day.k) * log((1 - q) / (1 - r))) / f
        for before, q in zip(state.log_m, reference.alternatives(), strict=True)
    )
    return State(tuple(min(value, LOG_MAX) for value in grown))


def mean_m(state: State) -> float:
    """The evidence: 1 says nothing, `arl` is enough."""
    return sum(map(exp, state.log_m)) / len(state.log_m)


def alarm(state: State, arl: float) -> bool:
    """Whether the alarm is on; `arl` in days, times the number of rates that the agent is watched on."""
    return mean_m(state) >= arl


def _dispersion(days: Sequence[Day], rate: float) -> tuple[float, float]:
    """Pearson's chi-squared over its degrees of freedom, at least 1; and the persistence of days."""
    off = [day.k / day.n - rate for day in days]
    chi_squared = sum(day.n * difference**2 for day, difference in zip(days, off, strict=True)) / (rate * (1 - rate))
    spread = sum(difference**2 for difference in off)
    following = sum(difference * after for difference, after in pairwise(off))
    correlation = (following / spread if spread > 0 else 0.0) + CORRELATION_BIAS
    r1 = min(max(correlation, 0.0), CORRELATION_MAX)
    return max(1.0, chi_squared / (len(days) - 1)), (1 + r1) / (1 - r1)
