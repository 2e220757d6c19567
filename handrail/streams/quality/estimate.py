"""A mean outcome from few labels and many judgements, and how well a judge agrees with people.

Prediction-powered inference (A. Angelopoulos, J. Duchi, T. Zrnic, PPI++: Efficient prediction-powered inference, 2023,
arXiv:2311.01453): labels Y of n conversations and a judge's f of the same and of N others give

    mean = avg(Y) + lambda * (avg_N(f) - avg_n(f)),   lambda = cov_n(Y, f) / ((1 + n/N) var(f)), clipped to 0 … 1

which is unbiased however biased the judge is, and no wider than labels alone in the limit. Outcomes are from 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

Z = 1.959964  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; `weight` (lambda) 0: labels alone."""

    mean: float
    low: float
    high: float
    weight: float


def wilson(good: float, n: int) -> Interval | None:
    """A rate by E. Wilson (Probable inference, 1927); None where nothing was counted."""
    if n == 0:
        return None
    if not 0 <= good <= n:
        raise ValueError(f"estimate: {good} of {n} is no rate")
    rate, shrink = good / n, 1 + Z**2 / n
    middle = (rate + Z**2 / (2 * n)) / shrink
    half = Z / shrink * sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
    return Interval(rate, max(0.0, middle - half), min(1.0, middle + half))


def ppi(labels: Sequence[float], judged: Sequence[float], rest: Sequence[float]) -> Estimate | None:
    """The mean outcome; None without labels.

    Parameters
    ----------
    labels
        n outcomes that people gave.
    judged
        The judge's n scores of the same conversations, in the same order; empty where there is no judge.
    rest
        The judge's N scores of conversations that nobody labelled, from the same sample.
    """
    if not labels:
        return None
    if judged and len(judged) != len(labels):
        raise ValueError(f"ppi: {len(labels)} labels beside {len(judged)} scores of them")
    n, both = len(labels), [*judged, *rest]
    weight = _weight(labels, judged, rest) if judged and rest else 0.0
    if weight == 0 or _variance([y - weight * f for y, f in zip(labels, judged, strict=True)]) == 0:
        return _labels_alone(labels)
    mean = fmean(labels) + weight * (fmean(rest) - fmean(judged))
    left = [y - weight * f for y, f in zip(labels, judged, strict=True)]
    se = sqrt(_variance(left) / n + weight**2 * _variance(both) / len(rest))
    return Estimate(_share(mean), _share(mean - Z * se), _share(mean + Z * se), weight)


def _labels_alone(labels: Sequence[float]) -> Estimate:
    interval = wilson(sum(labels), len(labels))
    assert interval is not None
    return Estimate(interval.value, interval.low, interval.high, 0.0)


def _weight(labels: Sequence[float], judged: Sequence[float], rest: Sequence[float]) -> float:
    spread = _variance([*judged, *rest])
    if len(labels) < 2 or spread == 0:
        return 0.0
    y, f = fmean(labels), fmean(judged)
    together = sum((a - y) * (b - f) for a, b in zip(labels, judged, strict=True)) / (len(labels) - 1)
    return _share(together / (spread * (1 + len(labels) / len(rest))))


def _variance(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = fmean(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
