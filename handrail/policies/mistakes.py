"""The mistakes of one file, collected while it is read, so that a person sees all of them at once."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from handrail.schemas.errors import PolicyError

SHOWN = 60
MISTAKES_MAX = 200
LONG, LENGTH_MAX = 8, 64  # letters of a name: two slips are allowed from LONG on, none is looked for beyond LENGTH_MAX


@dataclass(slots=True)
class Mistakes:
    """What is wrong in `file`; `lines` says on which line each path of it stands."""

    file: str
    lines: Mapping[str, int] = field(default_factory=dict)
    entries: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, path: str, reason: str) -> None:
        """Note that the value at `path` is wrong, and what to write instead. One mistake a path: the first."""
        if not path or all(path != known for _, known, _ in self.entries):
            self.entries.append((self.line(path), path, reason))

    def line(self, path: str) -> int:
        """The line of `path`, or of the nearest part around it that the file has."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 0)

    def errors(self, label: str) -> list[PolicyError]:
        """The mistakes in the order of the file, under the name the user gave it; at most 200."""
        ordered = sorted(set(self.entries))
        errors = [PolicyError(label, path, reason) for _, path, reason in ordered[:MISTAKES_MAX]]
        if len(ordered) > MISTAKES_MAX:
            errors.append(PolicyError(label, "", f"{len(ordered) - MISTAKES_MAX} more mistakes: mend these first"))
        return errors


def shown(value: Any) -> str:
    """A value as the user wrote it, short enough for one line."""
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)


def listed(names: Iterable[str]) -> str:
    """`a, b or c`"""
    *rest, last = names
    return f"{', '.join(rest)} or {last}" if rest else last


def instead(word: str, known: Iterable[str]) -> str:
    """What to write instead of a word that is not known: the nearest one, else all of them."""
    known = list(known)
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"write one of {listed(known)}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that fewest slips make of the word; None where it takes too many, or it is known itself.

    A slip is a letter too many, too few or wrong, or two neighbours that changed places.
    """
    names = sorted(set(known))
    if word in names or len(word) > LENGTH_MAX:
        return None
    most = 2 if len(word) >= LONG else 1
    near = [(slips(word, name), name) for name in names if abs(len(name) - len(word)) <= most]
    fewest, best = min(near, default=(most + 1, ""))
    return best if fewest <= most and 2 * fewest <= max(len(word), len(best)) else None


def slips(word: str, other: str) -> int:
    """How many it takes (Damerau-Levenshtein distance, each place touched once)."""
    before, last = list[int](), list(range(len(other) + 1))
    for row, letter in enumerate(word, 1):
        line = [row]
        for column, its in enumerate(other, 1):
            fewest = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != its))
            if row > 1 and column > 1 and letter == other[column - 2] and word[row - 2] == its:
                fewest = min(fewest, before[column - 2] + 1)
            line.append(fewest)
        before, last = last, line
    return last[-1]
