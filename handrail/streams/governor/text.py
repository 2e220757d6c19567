"""Texts in the form in which they are compared."""

import re
import unicodedata

_APART = re.compile(r"[\W_]+")
_ASCII = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}


def normalise(text: str) -> str:
    """NFKC, case-folded, runs of white space and punctuation as one space: what counts as the same words."""
    if text.isascii():  # nearly always; the same, in a third of the time
        return " ".join(text.translate(_ASCII).split())
    return _APART.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def ordinal(number: int) -> str:
    """`third`, `4th`: which time it is."""
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
