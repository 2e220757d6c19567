"""Who somebody is: ids of people, agents and tenants, under whatever spelling they come.

Compared are folded ids: NFKC, trimmed, case-folded. Shown is the text as it came. An id in which something cannot be
seen, or cannot be distinguished from something else, is refused (https://www.unicode.org/reports/tr39/).
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from unicodedata import category, name, normalize

from handrail.schemas.action import CACHED_NAME_CHARACTERS_MAX

HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Letters, marks and a symbol that show nothing: joiners, fillers, variation selectors, the blank of braille.
BLANK = frozenset(
    [
        *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180F, 0x2800, 0x3164, 0xFFA0, 0x1D159),
        *range(0x180B, 0x180E),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    ]
)
ALIKE = ("LATIN", "CYRILLIC", "GREEK")
"""Scripts with letters that look the same: one word has letters of one of them."""

_WORDS = re.compile(r"[^\W\d_]+").findall


def identity(text: str) -> str:
    """What is compared: NFKC, trimmed, case-folded. The same for every spelling of one id."""
    if len(text) > CACHED_NAME_CHARACTERS_MAX:
        return _folded(text)
    return _cached(text)


def _folded(text: str) -> str:
    # Case folding can undo the normal form (and the normal form the folding), so both go on until nothing changes.
    for _ in range(4):
        folded = normalize("NFKC", normalize("NFKC", text).casefold()).strip()
        if folded == text:
            break
        text = folded
    return text


_cached = lru_cache(4096)(_folded)


def mistake_in(text: str) -> str | None:
    """Why this is no id, in one line that can be printed; None where it is one."""
    if len(text) > CACHED_NAME_CHARACTERS_MAX:
        return _mistake(text)
    return _cached_mistake(text)


def _mistake(text: str) -> str | None:
    trimmed = text.strip()
    if not trimmed or not identity(text):
        return "must not be empty or blank: give an id"
    if trimmed.isascii():
        wrong = next((letter for letter in trimmed if not " " <= letter < "\x7f"), None)
    else:
        wrong = next((letter for letter in trimmed if _hidden(letter)), None)
    if wrong is not None:
        return f"must not have U+{ord(wrong):04X}, which nobody can see: take it out"
    if "  " in trimmed:
        return "must not have two spaces in a row: leave one"
    mixed = None if trimmed.isascii() else next(filter(None, map(_mixed, _WORDS(trimmed))), None)
    return None if mixed is None else f"must not mix {mixed} letters in one word: they look the same"


_cached_mistake = lru_cache(4096)(_mistake)


def _hidden(letter: str) -> bool:
    """Whether it shows nothing; of all spaces only the plain one can be recognised."""
    kind = category(letter)
    return kind in HIDDEN or ord(letter) in BLANK or (kind == "Zs" and letter != " ")


def _mixed(word: str) -> str | None:
    """`Latin and Cyrillic`, where a word has letters of both; None where all are of one script."""
    if word.isascii():
        return None
    named = [name(letter, "") for letter in normalize("NFKC", word)]
    scripts = [script for script in ALIKE if any(name.startswith(script) for name in named)]
    return " and ".join(script.capitalize() for script in scripts) if len(scripts) > 1 else None


def same(name: str | None, other: str | None) -> bool:
    """Whether both are ids, and of one person, agent or tenant."""
    return name is not None and other is not None and identity(name) == identity(other)


def among(name: str, others: Iterable[str]) -> bool:
    """Whether one of these is the same id."""
    return identity(name) in map(identity, others)


def twice(names: Iterable[str]) -> tuple[str, str] | None:
    """Two of these that are the same id, in the order in which they come; None where all differ."""
    first: dict[str, str] = {}
    for written in names:
        folded = identity(written)
        if folded in first:
            return first[folded], written
        first[folded] = written
    return None
