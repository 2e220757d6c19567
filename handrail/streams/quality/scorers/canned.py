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
    if not any(_unlike(first, second) for first, second in combinations(exchanges, 2)):
        return None
    most, count = 0.0, 0
    evidence: tuple[int, ...] = ()
    for first, second in combinations(exchanges, 2):
        alike = likeness(first.answer, second.answer)
        if (alike > most or alike >= ALIKE) and _unlike(first, second):
            count += alike >= ALIKE
            most, evidence = (alike, (first.offset, second.offset)) if alike > most else (most, evidence)
    return Score(1 - most, count, evidence)


def _unlike(first: Exchange, second: Exchange) -> bool:
    return likeness(first.question, second.question) < ALIKE


def _exchanges(transcript: Transcript) -> list[Exchange]:
    """Answers of WORDS_MIN words or more."""
    exchanges: list[Exchange] = []
    question: Shingles = frozenset()
    for turn in transcript.turns:
        if not isinstance(turn, Said):
            continue
        spoken = words(turn.text)
        if turn.by == "customer":
            question = shingles(spoken, SIZE)
        elif len(spoken) >= WORDS_MIN:
            exchanges.append(Exchange(turn.offset, question, shingles(spoken, SIZE)))
    return exchanges
