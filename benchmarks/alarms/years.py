"""Simulated agent-years: a baseline of 28 days, then a year in which the rate stays, breaks or erodes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.alarms.streams import Floats
from handrail.streams.quality.detector import DAYS_MIN

PERSISTENCE = 0.7
YEAR = 365
CLEAN_DAYS = 30  # before something breaks

Course = Callable[[int], float]
"""The true rate by the day after the baseline."""


@dataclass(frozen=True)
class Case:
    """`n_day` conversations a day, days with an effect of sd `day_sd` in log odds, lag-1 correlation PERSISTENCE."""

    n_day: int
    day_sd: float
    course: Course
    days: int = YEAR
    growth: float = 1.0  # of n_day, once the baseline is over


def stays(rate: float = 0.8) -> Course:
    """Nothing happens."""
    return lambda _: rate


def weekly(weekend: float, other: float) -> Course:
    """Two days of each week are always otherwise, in the baseline too."""
    return lambda day: weekend if day % 7 >= 5 else other


def breaks(rate: float = 0.8, after: float = 0.75) -> Course:
    """It breaks after CLEAN_DAYS."""
    return lambda day: rate if day < CLEAN_DAYS else after


def erodes(over: int, rate: float = 0.8, lost: float = 0.22) -> Course:
    """It loses that share of itself, a little every day, after CLEAN_DAYS."""
    return lambda day: rate * (1 - lost * min(1.0, max(0, day - CLEAN_DAYS) / over))


def counts(case: Case, years: int, seed: int) -> tuple[Floats, Floats]:
    """Conversations and good outcomes of each day, of shape (28 + days, years)."""
    dice = np.random.default_rng(seed)
    mood = dice.normal(0, case.day_sd, years) if case.day_sd else np.zeros(years)
    n, k = (np.empty((DAYS_MIN + case.days, years)) for _ in range(2))
    for day in range(DAYS_MIN + case.days):
        rate = case.course(day - DAYS_MIN)
        n[day] = case.n_day if day < DAYS_MIN else case.n_day * case.growth
        k[day] = dice.binomial(n[day].astype(int), 1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + mood))))
        mood = PERSISTENCE * mood + dice.normal(0, case.day_sd * np.sqrt(1 - PERSISTENCE**2), years)
    return n, k


@dataclass(frozen=True)
class Delay:
    """Of years without an alarm before it broke: seen within 7 days, and the median of days."""

    seen: float
    median: float

    @classmethod
    def of(cls, first: Floats) -> "Delay":
        """From the days of first alarms, -1 for never."""
        told = first[(first < 0) | (first >= CLEAN_DAYS)]
        days = np.where(told < 0, np.inf, told - CLEAN_DAYS + 1)
        return cls(float((days <= 7).mean()), float(np.quantile(days, 0.5, method="higher")))

    def __str__(self) -> str:
        return f"{self.median:.0f} ({self.seen:.0%})".replace("inf", "-")
