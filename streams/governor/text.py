"""Texts in the form in which they are compared."""

import re
import unicodedata

_APART = re.compile(r"[\W_]+")


def normalise(text: str) -> str:
    """NFKC, case-folded, runs of white space and punctuation as one space: what counts as the same words."""
    return _APART.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def ordinal(number: int) -> str:
    """`third`, `4th`: which time it is."""
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
