"""By how much the AI is better or worse than people: the interval of all gaps that no bet has refuted.

A gap g is refuted from below where the e-value of "the gap is at most g" has ever reached 2 / alpha, from above where
that of "at least g" has. What is left holds the true gap with probability 1 - alpha at all times together, so one may
look every day (S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, Time-uniform, nonparametric, nonasymptotic confidence
sequences, 2021).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

from handrail.streams.quality.autonomy import Arms, gap, rise_guess
from handrail.streams.quality.evalue import ArmDay, Side, log_e

GAP_MAX = 0.98  # gaps beyond are not looked at
STEPS = 12  # of halving: to 0.0005
DAYS_MAX = 1_000  # the latest ones


@dataclass(frozen=True, slots=True)
class Gap:
    """Rate of the AI less that of people, and the interval around it; `n_a`, `n_b` outcomes of each."""

    value: float
    low: float
    high: float
    n_a: int
    n_b: int


def interval(days: Sequence[ArmDay], alpha: float = 0.05) -> Gap | None:
    """The gap over these days, in their order; None where one of the arms is empty. About 0.3 ms a day."""
    recent = days[-DAYS_MAX:]
    arms = Arms()
    guesses = []
    for day in recent:
        guesses.append(rise_guess(arms))
        arms = arms.plus(day)
    if (measured := gap(arms)) is None:
        return None

    def refuted(value: float, side: Side) -> bool:
        total = most = 0.0
        for day, guess in zip(recent, guesses, strict=True):
            total += log_e(guess, day, -value, side)
            most = max(most, total)
        return most >= log(2 / alpha)

    low = _edge(lambda value: refuted(value, Side.BETTER), measured[0], -GAP_MAX)
    high = _edge(lambda value: refuted(value, Side.WORSE), measured[0], GAP_MAX)
    return Gap(measured[0], low, high, int(arms.n_a), int(arms.n_b))


def _edge(refuted: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where refuted gaps begin between what was seen and the end; the end where nothing is refuted."""
    if not refuted(outside):
        return outside
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if refuted(middle) else (middle, outside)
    return outside
