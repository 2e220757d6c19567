"""Texts compared: their words, and how much two of them have in common."""

import re
from collections.abc import Sequence

WORD = re.compile(r"[\w']+")
WORDS_MAX = 150  # of one text
TEXTS_MAX = 40  # of one conversation, the first ones: each is compared with each

Shingles = frozenset[str]


def words(text: str) -> list[str]:
    """Its words, in lower case."""
    return WORD.findall(text[: WORDS_MAX * 12].lower().replace("’", "'"))[:WORDS_MAX]


def shingles(tokens: Sequence[str], size: int) -> Shingles:
    """Runs of `size` words; of a shorter text the whole of it."""
    runs = zip(*(tokens[at:] for at in range(size)), strict=False)
    return frozenset(map(" ".join, runs)) or frozenset([" ".join(tokens)] if tokens else ())


def likeness(first: Shingles, second: Shingles) -> float:
    """The part of their shingles that two texts share, from 0 to 1 (P. Jaccard, 1901)."""
    together = len(first & second)
    return together / (len(first) + len(second) - together) if together else 0.0
