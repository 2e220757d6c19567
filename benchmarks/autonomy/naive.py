"""A rule that many would write: rise when a one-sided 5 % z test of this rung's data says so, looked at every day."""

import numpy as np

from benchmarks.autonomy.arms import Floats
from handrail.streams.quality.ladder import Ladder

Z = 1.645
N_MIN = 30


class ZTest:
    """Many intents on one ladder; they never fall."""

    def __init__(self, ladder: Ladder, rung: int, number: int) -> None:
        self.ladder = ladder
        self.rung = np.full(number, float(rung))
        self.arms = np.zeros((4, number))

    def advance(self, day: Floats) -> tuple[Floats, Floats]:
        """One more day, of shape (4, intents); gives which rose, and that none fell."""
        self.arms = self.arms + day
        n_a, k_a, n_b, k_b = self.arms
        a, b = k_a / np.maximum(n_a, 1), k_b / np.maximum(n_b, 1)
        spread = [np.maximum(one * (1 - one), 0.01) / np.maximum(n, 1) for one, n in ((a, n_a), (b, n_b))]
        rose = ((a - b + self.ladder.margin) / np.sqrt(sum(spread)) > Z) & (n_a >= N_MIN)
        rose &= self.rung + 1 < len(self.ladder.shares)
        self.rung = self.rung + rose
        self.arms = np.where(rose, 0.0, self.arms)
        return rose, np.zeros_like(rose)
