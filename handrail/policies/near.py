"""The name that was most likely meant: one or two slips of a finger away."""

from collections.abc import Iterable

LONG, LENGTH_MAX = 8, 64


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that fewest slips make of the word; None where it takes too many, or it is known itself.

    A slip is a letter too many, too few or wrong, or two neighbours that changed places.
    """
    names = sorted(set(known))
    if word in names or len(word) > LENGTH_MAX:
        return None
    most = 2 if len(word) >= LONG else 1
    near = [(slips(word, name), name) for name in names if abs(len(name) - len(word)) <= most]
    fewest, found = min(near, default=(most + 1, ""))
    return found if fewest <= most and 2 * fewest <= max(len(word), len(found)) else None


def slips(one: str, other: str) -> int:
    """How many it takes (Damerau-Levenshtein distance, each place touched once)."""
    before, last = list[int](), list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, its in enumerate(other, 1):
            fewest = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != its))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == its:
                fewest = min(fewest, before[column - 2] + 1)
            line.append(fewest)
        before, last = last, line
    return last[-1]
