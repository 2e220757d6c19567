"""The same answer to unlike questions. Long conversations have more of it whatever their quality."""

from itertools import combinations
from typing import NamedTuple

from handrail.streams.quality.scorers.score import Score
from handrail.streams.quality.scorers.words import TEXTS_MAX, Shingles, likeness, shingles, words
from handrail.streams.quality.transcript import Said, Transcript

WORDS_MIN = 8
SIZE = 3
ALIKE = 0.5


class Exchange(NamedTuple):
    """An answer, and the customer's words before it."""

    offset: int
    question: Shingles
    answer: Shingles


def score(transcript: Transcript) -> Score | None:
    """1 less the largest likeness of two answers to unlike questions; None where there are no two such answers."""
    exchanges = _exchanges(transcript)[:TEXTS_MAX]
    if not any(_unlike(one, other) for one, other in combinations(exchanges, 2)):
        return None
    most, count = 0.0, 0
    evidence: tuple[int, ...] = ()
    for one, other in combinations(exchanges, 2):
        alike = likeness(one.answer, other.answer)
        if (alike > most or alike >= ALIKE) and _unlike(one, other):
            count += alike >= ALIKE
            most, evidence = (alike, (one.offset, other.offset)) if alike > most else (most, evidence)
    return Score(1 - most, count, evidence)


def _unlike(one: Exchange, other: Exchange) -> bool:
    return likeness(one.question, other.question) < ALIKE


def _exchanges(transcript: Transcript) -> list[Exchange]:
    """Answers of WORDS_MIN words or more."""
    found: list[Exchange] = []
    question: Shingles = frozenset()
    for turn in transcript.turns:
        if not isinstance(turn, Said):
            continue
        said = words(turn.text)
        if turn.by == "customer":
            question = shingles(said, SIZE)
        elif len(said) >= WORDS_MIN:
            found.append(Exchange(turn.offset, question, shingles(said, SIZE)))
    return found
