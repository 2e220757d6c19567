"""Other detectors on the same days: those of river with their defaults, and a CUSUM of daily counts.

What river's detectors get is said by `by`: every conversation's outcome, or the rate of each day. They begin with the
baseline, and nothing that they find in it counts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from river import drift

from benchmarks.alarms.streams import Floats
from handrail.streams.quality.detector import DAYS_MIN

DROP = 0.05


@dataclass(frozen=True)
class Peer:
    """A detector of river."""

    name: str
    make: Callable[[], Any]
    by: str

    def first_alarm(self, n: Floats, k: Floats, seed: int = 0) -> Floats:
        """As `streams.first_alarm`."""
        dice = np.random.default_rng(seed)
        return np.array([self._first(n[:, year], k[:, year], dice) for year in range(n.shape[1])], dtype=float)

    def _first(self, n: Floats, k: Floats, dice: np.random.Generator) -> int:
        detector = self.make()
        for day in range(len(n)):
            fired = False
            for value in self._values(int(n[day]), int(k[day]), dice):
                detector.update(value)
                fired |= detector.drift_detected
            if fired and day >= DAYS_MIN:
                return day - DAYS_MIN
        return -1

    def _values(self, n: int, k: int, dice: np.random.Generator) -> Iterator[float]:
        if self.by == "day":
            return iter([k / n])
        outcomes = np.zeros(n)
        outcomes[:k] = 1.0
        return iter(dice.permutation(outcomes).tolist())


PEERS = (
    Peer("ADWIN", drift.ADWIN, "conversation"),
    Peer("ADWIN, clock 1", lambda: drift.ADWIN(clock=1), "day"),
    Peer("Page-Hinkley", lambda: drift.PageHinkley(mode="down"), "conversation"),
    Peer("KSWIN", lambda: drift.KSWIN(seed=1), "day"),
)


def cusum(n: Floats, k: Floats, threshold: float) -> Floats:
    """Page's CUSUM of the log likelihood ratio of DROP below the baseline's rate, a day at a time."""
    rate = k[:DAYS_MIN].sum(0) / n[:DAYS_MIN].sum(0)
    good, bad = np.log((rate - DROP) / rate), np.log((1 - rate + DROP) / (1 - rate))
    beyond, found = np.zeros(n.shape[1]), np.full(n.shape[1], -1.0)
    for day in range(DAYS_MIN, len(n)):
        beyond = np.maximum(0.0, beyond + k[day] * good + (n[day] - k[day]) * bad)
        found[(found < 0) & (beyond >= threshold)] = day - DAYS_MIN
    return found
