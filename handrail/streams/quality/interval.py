"""Means over days, and whether two of them differ by more than chance.

Conversations of one day are alike (a campaign, an outage), so days, not conversations, are what varies: the standard
error of a mean of n conversations in k days is that of a ratio of totals (W. Cochran, Sampling Techniques, 1977, 6.3;
in other words, robust to clusters):

    se^2 = k / (k - 1) * sum over days of (total_d - n_d * mean)^2 / n^2

A mean has moved where it is outside the baseline's interval: the difference is more than LIMIT standard errors of the
difference, sqrt(se_before^2 + se_after^2), and more than LEAST of the baseline's mean: with enough conversations,
anything is more than chance. A standard error from few days is itself uncertain, so LIMIT is widened from the normal's
to Student's t with (days before + days after - 2) degrees of freedom, by the first term of Fisher's expansion (M.
Abramowitz, I. Stegun, Handbook of Mathematical Functions, 1964, 26.7.5): 3 becomes 3.19 for 28 days and 14.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt

DAYS_MIN, N_MIN = 14, 100
LIMIT = 3.0  # standard errors
LEAST = 0.02  # of the mean before


@dataclass(frozen=True, slots=True)
class Daily:
    """One measure on one day: over `n` conversations, their values' sum."""

    day: date
    n: int
    total: float


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over days, with its standard error, in the measure's unit."""

    n: int
    days: int
    mean: float
    se: float


def mean_of(days: Sequence[Daily]) -> Mean | None:
    """The mean over those of the days that have any; None below DAYS_MIN days or N_MIN conversations."""
    counted = [day for day in days if day.n]
    n, k = sum(day.n for day in counted), len(counted)
    if k < DAYS_MIN or n < N_MIN:
        return None
    mean = sum(day.total for day in counted) / n
    residuals = sum((day.total - day.n * mean) ** 2 for day in counted)
    return Mean(n, k, mean, sqrt(k / (k - 1) * residuals) / n)


def bound(before: Mean, after: Mean) -> float:
    """How far `after` may be from `before`, either way, without having moved."""
    freedom = before.days + after.days - 2
    limit = LIMIT + (LIMIT**3 + LIMIT) / (4 * freedom)
    return max(limit * sqrt(before.se**2 + after.se**2), LEAST * abs(before.mean))


def onset(days: Sequence[Daily], before: float, direction: int, bound: float) -> date:
    """The first day of the shift: the onset of a one-sided CUSUM (E. Page, Continuous inspection schemes, 1954).

    Day by day, sums of what is beyond half of the smallest shift that counts:

        s_d = max(0, s_(d-1) + direction * (mean_d - before) - slack)

    The shift began after the last day on which s was 0. `days` is not empty, in order; `direction` 1: upwards, -1:
    downwards.
    """
    counted = [day for day in days if day.n]
    since, beyond = counted[0].day, 0.0
    for day, after in zip(counted, [*counted[1:], None], strict=True):
        beyond = max(0.0, beyond + direction * (day.total / day.n - before) - bound / 2)
        if beyond == 0 and after is not None:
            since = after.day
    return since
