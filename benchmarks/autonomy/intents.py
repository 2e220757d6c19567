"""The rule of handrail/streams/quality/autonomy.py for many intents at once: rises by E, falls by its e-CUSUM.

`tests/unit/quality/test_autonomy.py` compares it with the rule itself, day by day.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.autonomy.arms import Floats, log_e
from handrail.streams.quality.autonomy import (
    FALL_HALF_LIFE_DAYS,
    FALL_PRIOR_N,
    LOG_M_MAX,
    PRIOR_RATE,
    RISE_PRIOR_N,
    SHOWN_QUANTILE,
)
from handrail.streams.quality.evalue import Side
from handrail.streams.quality.ladder import Ladder

KEPT = 0.5 ** (1 / FALL_HALF_LIFE_DAYS)


@dataclass
class Intents:
    """Many intents on one ladder; arrays of shape (intents,)."""

    ladder: Ladder
    rung: Floats
    attempt: Floats
    days: Floats
    log_e: Floats
    log_m: Floats
    fall_margin: Floats
    arms: Floats  # (4, intents): n_a, k_a, n_b, k_b of this rung
    recent: Floats

    @classmethod
    def at(cls, ladder: Ladder, rung: int, number: int) -> "Intents":
        """All at that rung, with nothing seen."""
        nothing, margin = np.zeros(number), np.full(number, ladder.margin)
        falls = np.full(number, ladder.fall_margin) if ladder.fall_margin is not None and rung else margin
        start = [np.full(number, float(rung)), np.ones(number), *(nothing.copy() for _ in range(3)), falls]
        return cls(ladder, *start, np.zeros((4, number)), np.zeros((4, number)))

    def advance(self, day: Floats) -> tuple[Floats, Floats]:
        """One more day, of shape (4, intents); gives which rose and which fell from a rung above the lowest."""
        margin = np.full(self.rung.shape, self.ladder.margin)
        self.log_e += log_e(self._rise_guess(), tuple(day), margin, Side.BETTER)
        fall = log_e(self._fall_guess(), tuple(day), self.fall_margin, Side.WORSE)
        self.log_m = np.minimum(np.maximum(0.0, self.log_m) + fall, LOG_M_MAX)
        self.days += 1
        self.arms, self.recent = self.arms + day, self.recent * KEPT + day
        down = self.log_m >= np.log(self.ladder.fall_arl_days)
        rose = self._risen() & ~down
        fell = down & (self.rung > 0)
        self._move(rose, fell, down)
        return rose, fell

    def _risen(self) -> Floats:
        enough = self.log_e >= np.log(self.attempt * (self.attempt + 1) / self.ladder.alpha)
        return enough & (self.rung + 1 < len(self.ladder.shares)) & (self.days >= self.ladder.soak_days)

    def _move(self, rose: Floats, fell: Floats, down: Floats) -> None:
        self.fall_margin = np.where(rose, self._shown(), np.where(fell, self.ladder.margin, self.fall_margin))
        self.rung = np.where(rose, self.rung + 1, np.where(fell, 0.0, self.rung))
        moved = rose | fell
        self.attempt = self.attempt + moved
        self.log_e, self.days = np.where(moved, 0.0, self.log_e), np.where(moved, 0.0, self.days)
        self.log_m = np.where(moved | down, 0.0, self.log_m)
        self.arms = np.where(moved, 0.0, self.arms)

    def _shown(self) -> Floats:
        if self.ladder.fall_margin is not None:
            return np.full(self.rung.shape, self.ladder.fall_margin)
        n_a, k_a, n_b, k_b = self.arms
        a, b = k_a / np.maximum(n_a, 1), k_b / np.maximum(n_b, 1)
        se = np.sqrt(a * (1 - a) / np.maximum(n_a, 1) + b * (1 - b) / np.maximum(n_b, 1))
        least = self.ladder.fall_floor * self.ladder.margin
        return np.clip(SHOWN_QUANTILE * se - (a - b), least, self.ladder.margin)

    def _rise_guess(self) -> tuple[Floats, Floats]:
        n_a, k_a, n_b, k_b = self.arms
        b = (k_b + PRIOR_RATE * RISE_PRIOR_N) / (n_b + RISE_PRIOR_N)
        return (k_a + RISE_PRIOR_N * b) / (n_a + RISE_PRIOR_N), b

    def _fall_guess(self) -> tuple[Floats, Floats]:
        n_a, k_a, n_b, k_b = self.recent
        b = (k_b + PRIOR_RATE * FALL_PRIOR_N) / (n_b + FALL_PRIOR_N)
        return (k_a + FALL_PRIOR_N * (b - 2 * self.ladder.margin)) / (n_a + FALL_PRIOR_N), b
