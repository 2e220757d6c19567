"""A place in a text that is not to be shown, what stands there, and what is shown instead."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

ESCAPES = b"nrt"


class Span(NamedTuple):
    """Characters `start` up to, and without, `end`."""

    start: int
    end: int
    kind: str
    mark: str


def inside_a_word(seen: bytes, start: int, end: int) -> bool:
    """Whether letters or digits go on before or after; the n of an escaped line break is no letter."""
    before, after = seen[start - 1 : start] if start else b"", seen[end : end + 1]
    return (before.isalnum() and not escaped(seen, start - 1)) or after.isalnum()


def escaped(seen: bytes, at: int) -> bool:
    r"""Whether the letter there is the n of a `\n` in JSON that stands in a text."""
    return at > 0 and seen[at] in ESCAPES and seen[at - 1 : at] == b"\\"


def apart(found: Iterable[Span], length: int) -> list[Span]:
    """Those that do not overlap an earlier one, by their place; in time linear in the length of the text."""
    kept: list[Span] = []
    covered = bytearray(length)
    for one in found:
        if covered.find(1, one.start, one.end) < 0:
            covered[one.start : one.end] = b"\x01" * (one.end - one.start)
            kept.append(one)
    return sorted(kept)


def digits(seen: bytes) -> str:
    """The digits alone."""
    return "".join(map(chr, filter(lambda code: 48 <= code <= 57, seen)))


def pieces(text: str, spans: Iterable[Span]) -> Iterator[str]:
    """The text with marks in place of the spans, in pieces."""
    at = 0
    for span in spans:
        yield text[at : span.start]
        yield span.mark
        at = span.end
    yield text[at:]
