"""How well two raters agree, or a judge with people: kappa, sensitivity and specificity, and what follows from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from handrail.streams.quality.estimate import Interval, Z, wilson


@dataclass(frozen=True, slots=True)
class Table:
    """Counts of pairs (label, judgement): `bad_good` is what people call bad and the judge calls good."""

    good_good: int = 0
    good_bad: int = 0
    bad_good: int = 0
    bad_bad: int = 0

    @classmethod
    def of(cls, pairs: Iterable[tuple[bool, bool]]) -> "Table":
        """From labels and judgements, True for good."""
        observed = list(pairs)
        return cls(*(observed.count(cell) for cell in ((True, True), (True, False), (False, True), (False, False))))

    @property
    def n(self) -> int:
        """How many pairs."""
        return self.good_good + self.good_bad + self.bad_good + self.bad_bad


def kappa(table: Table) -> Interval | None:
    """Agreement beyond chance, 1 for all, 0 for chance (J. Cohen, A coefficient of agreement for nominal scales, 1960).

    Its interval is the simple one of that paper. None where chance alone would always agree: one class, or no pairs.
    """
    if not (n := table.n):
        return None
    label, judged = (table.good_good + table.good_bad) / n, (table.good_good + table.bad_good) / n
    chance = label * judged + (1 - label) * (1 - judged)
    if chance == 1:
        return None
    agreed = (table.good_good + table.bad_bad) / n
    value, half = (agreed - chance) / (1 - chance), Z * sqrt(agreed * (1 - agreed) / n) / (1 - chance)
    return Interval(value, max(-1.0, value - half), min(1.0, value + half))


def sensitivity(table: Table) -> Interval | None:
    """Of what people call good, the share that the judge calls good; None where people call nothing good."""
    return wilson(table.good_good, table.good_good + table.good_bad)


def specificity(table: Table) -> Interval | None:
    """Of what people call bad, the share that the judge calls bad; None where people call nothing bad."""
    return wilson(table.bad_bad, table.bad_good + table.bad_bad)


def rogan_gladen(judged_good: float, sensitivity: float, specificity: float) -> float | None:
    """The true rate behind a judge's (W. Rogan, B. Gladen, Estimating prevalence from the results of a screening test,
    1978).

    None where the judge says nothing (sensitivity + specificity <= 1). It rests on a calibration that still holds: with
    an old one it is worse than no correction, so levels come from `estimate.ppi`.
    """
    informed = sensitivity + specificity - 1
    return None if informed <= 0 else min(max((judged_good + specificity - 1) / informed, 0.0), 1.0)
