"""The detector of handrail/streams/quality/detector.py for many rates at once, as arrays.

`tests/unit/quality/test_detector.py` compares it with the detector itself, day by day.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handrail.streams.quality.detector import (
    ALTERNATIVES,
    BEST,
    CONFIDENCE,
    CORRELATION_BIAS,
    CORRELATION_MAX,
    DAYS_MIN,
    LOG_MAX,
    QUANTILE,
    Direction,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """Ours, or with one thing changed: without f, by Shiryaev and Roberts' sum, with an f that does not grow with n."""

    robust: bool = True
    summed: bool = False
    growing: bool = True


OURS = Kind()


def first_alarm(n: Floats, k: Floats, arl: float, kind: Kind = OURS, direction: Direction = Direction.DOWN) -> Floats:
    """The day after the baseline on which each alarm is first on, -1 for never; `n` and `k` of shape (days, rates).

    The first DAYS_MIN days are the baseline. Days without conversations are none of it, and there are none here.
    """
    bound, spread, persistence = _reference(n[:DAYS_MIN], k[:DAYS_MIN], kind, direction)
    n_day = n[:DAYS_MIN].mean(0)
    left = bound if direction is Direction.DOWN else 1 - bound
    q = np.stack([bound + direction * left * part for part in ALTERNATIVES[direction]])
    good, bad = np.log(q / bound), np.log((1 - q) / (1 - bound))
    log_m = np.full(q.shape, -np.inf if kind.summed else 0.0)
    found = np.full(n.shape[1], -1.0)
    for day in range(DAYS_MIN, len(n)):
        before = np.logaddexp(0.0, log_m) if kind.summed else np.maximum(0.0, log_m)
        larger = np.maximum(1.0, n[day] / n_day) if kind.growing else 1.0
        dispersion = (1 + (spread - 1) * larger) * persistence
        log_m = np.minimum(before + (k[day] * good + (n[day] - k[day]) * bad) / dispersion, LOG_MAX)
        on = np.exp(log_m).mean(0) >= arl
        found[(found < 0) & on] = day - DAYS_MIN
    return found


def _reference(n: Floats, k: Floats, kind: Kind, direction: Direction) -> tuple[Floats, Floats, Floats]:
    total = n.sum(0)
    rate = k.sum(0) / total
    off, best = k / n - rate, BEST[direction]
    varies = rate * (1 - rate) > 0
    chi_squared = (n * off**2).sum(0) / np.where(varies, rate * (1 - rate), 1.0)
    following, swing = (off[:-1] * off[1:]).sum(0), (off**2).sum(0)
    r1 = np.clip(following / np.where(swing > 0, swing, 1.0) + CORRELATION_BIAS, 0.0, CORRELATION_MAX)
    spread, persistence = np.maximum(1.0, chi_squared / (len(n) - 1)), (1 + r1) / (1 - r1)
    if not kind.robust:
        spread, persistence = np.ones_like(rate), np.ones_like(rate)
    bound = rate + direction * QUANTILE * np.sqrt(spread * persistence * rate * (1 - rate) / total)
    exact = best + direction * (1 - (1 - CONFIDENCE) ** (1 / total))
    return np.where(rate == best, exact, bound), spread, persistence
