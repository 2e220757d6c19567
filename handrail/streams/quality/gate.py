"""Whether a new model may replace the old one: the same golden cases by both, one pair after the other.

Two e-processes bet on x, the new outcome less the old one (I. Waudby-Smith, A. Ramdas, Estimating means of bounded
random variables by betting, 2020, arXiv:2010.09686): one against "the mean of x is at most -margin", one against "it is
at least -margin". With m the mean of earlier pairs, shrunk to 0:

    pass *= 1 + l (x + margin),   l = (m + margin) / SPREAD,    0 <= l <= 1 / (2 (1 - margin))
    fail *= 1 - l (x + margin),   l = -(m + margin) / SPREAD,   0 <= l <= 1 / (2 (1 + margin))

The first that reaches 1 / alpha decides, so one may stop at any pair: a model at the margin passes with probability at
most alpha.
"""

from dataclasses import dataclass, replace
from math import log, log1p
from typing import Literal

SHRINKING_PAIRS = 20
SPREAD = 0.25  # of x: what a quarter of unlike pairs gives

Verdict = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True, slots=True)
class Gate:
    """What has to be shown: the mean outcome is at most `margin` worse, with an error probability of `alpha`."""

    margin: float = 0.1
    alpha: float = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """One golden case by both models: outcomes from 0 to 1. `forbidden`: the new one did what must never be done."""

    old: float
    new: float
    forbidden: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Pairs so far, the sum of x, both e-processes as logarithms, and the verdict, which stays."""

    n: int = 0
    total: float = 0.0
    log_pass: float = 0.0
    log_fail: float = 0.0
    verdict: Verdict = "undecided"


def advance(state: State, gate: Gate, pair: Pair) -> State:
    """The state after one more pair. Raises ValueError where an outcome is not from 0 to 1."""
    if not (0 <= pair.old <= 1 and 0 <= pair.new <= 1):
        raise ValueError(f"gate: outcomes go from 0 to 1, got {pair.old} and {pair.new}")
    if pair.forbidden and state.verdict == "undecided":
        return replace(state, n=state.n + 1, verdict="fail")
    x, ahead = pair.new - pair.old, state.total / (state.n + SHRINKING_PAIRS) + gate.margin
    for_pass = min(max(ahead / SPREAD, 0.0), 0.5 / (1 - gate.margin))
    for_fail = min(max(-ahead / SPREAD, 0.0), 0.5 / (1 + gate.margin))
    grown = State(
        state.n + 1,
        state.total + x,
        state.log_pass + log1p(for_pass * (x + gate.margin)),
        state.log_fail + log1p(-for_fail * (x + gate.margin)),
        state.verdict,
    )
    return replace(grown, verdict=_verdict(grown, gate))


def _verdict(state: State, gate: Gate) -> Verdict:
    if state.verdict != "undecided":
        return state.verdict
    enough = log(1 / gate.alpha)
    if state.log_pass >= enough:
        return "pass"
    return "fail" if state.log_fail >= enough else "undecided"
