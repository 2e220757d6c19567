"""How well a score agrees with failures: whom it flags, and how it ranks conversations of the same run."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Flags:
    """Of the flagged (score below 1) and of all that were scored: how many, and how many of them failed."""

    flagged: int
    flagged_failed: int
    n: int
    failed: int


Pair = tuple[float, bool]
"""A score, and whether the conversation failed."""


def flags(pairs: Sequence[Pair]) -> Flags:
    """Counts over the conversations that were scored."""
    flagged = [failed for value, failed in pairs if value < 1]
    return Flags(len(flagged), sum(flagged), len(pairs), sum(failed for _, failed in pairs))


def within_run_auc(runs: Sequence[Sequence[Pair]]) -> float | None:
    """The probability that a failed conversation scores below another of its run that did not, ties as half.

    All pairs of all runs count the same (J. Hanley, B. McNeil, The meaning and use of the area under a receiver
    operating characteristic curve, 1982). None where no run has both kinds.
    """
    won, pairs = 0.0, 0
    for run in runs:
        bad = [value for value, failed in run if failed]
        good = [value for value, failed in run if not failed]
        won += sum((b < g) + (b == g) / 2 for b in bad for g in good)
        pairs += len(bad) * len(good)
    return won / pairs if pairs else None
