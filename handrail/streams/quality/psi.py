"""Population stability index: how far the shares of a day have moved from those it is measured against.

With p the shares of the day and q those of the reference, over the bins that either has seen:

    PSI = sum over bins of (p - q) * ln(p / q)

It has no unit, is 0 where nothing moved and the same in both directions. Usual reading (N. Siddiqi, Credit Risk
Scorecards, 2006): below 0.1 nothing, from 0.1 a little, from 0.25 a lot. Empty bins are smoothed with half a count
(Jeffreys' prior), as ln 0 has no value. Where nothing has moved, PSI / (1/n + 1/m) is about chi-squared with (bins - 1)
degrees of freedom (B. Yurdakul, J. Naranjo, Statistical properties of the population stability index, 2020): few
conversations alone make a large PSI, and `noise` says how large.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import log, sqrt
from statistics import NormalDist

LITTLE, LARGE = 0.1, 0.25
PRIOR = 0.5
QUANTILE = 0.9999  # six measures of an agent, every day, for years

Counts = Mapping[str, int]
"""Bin -> how often it was seen."""


def psi(reference: Counts, observed: Counts) -> float:
    """The index, at least 0. Raises ValueError where one of the two has nothing."""
    return sum(parts(reference, observed).values())


def parts(reference: Counts, observed: Counts) -> dict[str, float]:
    """What each bin adds to the index, the largest first; at least 0 each."""
    bins = sorted(_bins(reference) | _bins(observed))
    q, p = _shares(reference, bins), _shares(observed, bins)
    terms = {name: (p[name] - q[name]) * log(p[name] / q[name]) for name in bins}
    return dict(sorted(terms.items(), key=lambda item: -item[1]))


def noise(reference: Counts, observed: Counts, quantile: float = QUANTILE) -> float:
    """The index below which that share of all days stays on which nothing has moved."""
    freedom = len(_bins(reference) | _bins(observed)) - 1
    return _chi_squared(freedom, quantile) * (1 / sum(reference.values()) + 1 / sum(observed.values()))


def bin_of(value: float, edges: Sequence[float]) -> str:
    """The bin of a number, named by its lower edge; `edges` rise, and the first is not above any value."""
    return str(edges[bisect_right(edges, value) - 1])


def _bins(counts: Counts) -> set[str]:
    return {name for name, n in counts.items() if n}


def _shares(counts: Counts, bins: Sequence[str]) -> dict[str, float]:
    total = sum(counts.values())
    if total <= 0:
        raise ValueError("psi: nothing was counted")
    return {name: (counts.get(name, 0) + PRIOR) / (total + PRIOR * len(bins)) for name in bins}


def _chi_squared(freedom: int, quantile: float) -> float:
    """Its quantile by Wilson and Hilferty (1931), within 3 % from 2 degrees on, too high by a tenth with one."""
    if freedom < 1:
        return 0.0
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + NormalDist().inv_cdf(quantile) * sqrt(spread)) ** 3)
