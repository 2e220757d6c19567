"""A customer who has to say the same thing again. Long conversations have more of it whatever their quality."""

from itertools import combinations

from handrail.streams.quality.scorers.score import Score
from handrail.streams.quality.scorers.words import TEXTS_MAX, likeness, shingles, words
from handrail.streams.quality.transcript import Transcript

WORDS_MIN = 5
SIZE = 2
ALIKE = 0.5


def score(transcript: Transcript) -> Score | None:
    """1 less the largest likeness of two of the customer's messages; None with fewer than two of WORDS_MIN words."""
    messages = [(turn.offset, words(turn.text)) for turn in transcript.messages("customer")[:TEXTS_MAX]]
    long = [(offset, shingles(spoken, SIZE)) for offset, spoken in messages if len(spoken) >= WORDS_MIN]
    pairs = [(likeness(a, b), first, second) for (first, a), (second, b) in combinations(long, 2)]
    if not pairs:
        return None
    most = max(pairs)
    return Score(1 - most[0], sum(pair[0] >= ALIKE for pair in pairs), most[1:] if most[0] else ())
