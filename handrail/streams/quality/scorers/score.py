"""What a scorer says of a conversation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from handrail.streams.quality.transcript import Transcript

EVIDENCE_MAX = 20


@dataclass(frozen=True, slots=True)
class Score:
    """`value` from 0 (bad) to 1 (good); `count` of what was found, and the offsets of the records that show it."""

    value: float
    count: int = 0
    evidence: tuple[int, ...] = ()


Scoring: TypeAlias = Callable[[Transcript], Score | None]
"""A score, or None where nothing can be said: None is never 0, and never 1."""


class Scorer(NamedTuple):
    """A scorer under its name. A score is compared with scores of the same version only."""

    name: str
    version: int
    score: Scoring


def counted(findings: Iterable[int], most: int) -> Score:
    """A score that falls by 1 / `most` for each finding; `findings` are the offsets that show them."""
    offsets = list(findings)
    return Score(1 - min(len(offsets), most) / most, len(offsets), tuple(offsets[:EVIDENCE_MAX]))
