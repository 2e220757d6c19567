"""Two arms compared day by day: an e-value against "A is not better than B minus the margin".

For a day with k_a of n_a good outcomes in arm A and k_b of n_b in arm B, and a guess (p_a, p_b) made from earlier days:

    E = p_a^k_a (1-p_a)^(n_a-k_a) p_b^k_b (1-p_b)^(n_b-k_b)  /  the same of (q - d, q)

where (q - d, q) is the point of the null's edge that is nearest to the guess: its reverse information projection. The
product of such E over days reaches c by chance with probability at most 1/c, whatever the sizes of the arms, whatever
days do to both arms alike, and whenever one stops (R. Turner, A. Ly, P. Grünwald, Generic e-variables for exact
sequential k-sample tests that allow for optional stopping, 2021, arXiv:2106.02693). Outcomes between 0 and 1 are
allowed: for these E is at most what is linear in them, whose mean is the same.
"""

from dataclasses import dataclass
from enum import IntEnum
from math import log

GUESS_MIN = 0.01
EDGE = 1e-4
INSIDE = 1e-3
STEPS = 12


class Side(IntEnum):
    """What the e-value speaks for: A is better than B minus the margin, or A is worse than that."""

    BETTER = 1
    WORSE = -1


@dataclass(frozen=True, slots=True)
class ArmDay:
    """One day's outcomes from 0 to 1 by the arm that was assigned: how many, and their sums."""

    n_a: int
    k_a: float
    n_b: int
    k_b: float

    def __post_init__(self) -> None:
        if not (0 <= self.k_a <= self.n_a and 0 <= self.k_b <= self.n_b):
            raise ValueError(f"arms: outcomes from 0 to 1 cannot sum up so: {self}")


def projection(p_a: float, p_b: float, n_a: int, n_b: int, margin: float) -> float:
    """The q of the null's edge (q - margin, q) that is nearest to the guess, by n_a KL(p_a|q - d) + n_b KL(p_b|q).

    The root of the derivative, which rises, by Newton's method inside a shrinking bracket, STEPS steps. Rates have no
    unit; `margin` inside (-1, 1).
    """
    low, high = max(0.0, margin) + EDGE, 1 + min(0.0, margin) - EDGE
    start = (n_a * (p_a + margin) + n_b * p_b) / max(n_a + n_b, 1)
    q = min(max(start, low + INSIDE), high - INSIDE)
    for _ in range(STEPS):
        a = q - margin
        va, vb = a * (1 - a), q * (1 - q)
        slope = n_a * (a - p_a) / va + n_b * (q - p_b) / vb
        bend = n_a * (va - (a - p_a) * (1 - 2 * a)) / va**2 + n_b * (vb - (q - p_b) * (1 - 2 * q)) / vb**2
        low, high = (low, q) if slope > 0 else (q, high)
        following = q - slope / max(bend, 1e-9)
        q = following if low <= following <= high else (low + high) / 2
    return q


def log_e(guess: tuple[float, float], day: ArmDay, margin: float, side: Side) -> float:
    """ln E of one day; `guess` (p_a, p_b) is from earlier days alone.

    0 where the guess itself lies inside the null, and where one of the arms is empty: nothing is bet then.
    """
    p_a, p_b = (min(max(rate, GUESS_MIN), 1 - GUESS_MIN) for rate in guess)
    if not day.n_a or not day.n_b or side * (p_a - p_b + margin) <= 0:
        return 0.0
    q = projection(p_a, p_b, day.n_a, day.n_b, margin)
    return _likelihood(day.n_a, day.k_a, p_a, q - margin) + _likelihood(day.n_b, day.k_b, p_b, q)


def _likelihood(n: int, k: float, p: float, q: float) -> float:
    return k * log(p / q) + (n - k) * log((1 - p) / (1 - q))
