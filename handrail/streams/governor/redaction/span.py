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


def inside_a_word(text: bytes, start: int, end: int) -> bool:
    """Whether letters or digits go on before or after; the n of an escaped line break is no letter."""
    before, after = text[start - 1 : start] if start else b"", text[end : end + 1]
    return (before.isalnum() and not escaped(text, start - 1)) or after.isalnum()


def escaped(text: bytes, at: int) -> bool:
    r"""Whether the letter there is the n of a `\n` in JSON that stands in a text."""
    return at > 0 and text[at] in ESCAPES and text[at - 1 : at] == b"\\"


def apart(spans: Iterable[Span], length: int) -> list[Span]:
    """Those that do not overlap an earlier one, by their place; in time linear in the length of the text."""
    chosen: list[Span] = []
    covered = bytearray(length)
    for span in spans:
        if covered.find(1, span.start, span.end) < 0:
            covered[span.start : span.end] = b"\x01" * (span.end - span.start)
            chosen.append(span)
    return sorted(chosen)


def digits(text: bytes) -> str:
    """The digits alone."""
    return "".join(map(chr, filter(lambda code: 48 <= code <= 57, text)))


def pieces(text: str, spans: Iterable[Span]) -> Iterator[str]:
    """The text with marks in place of the spans, in pieces."""
    at = 0
    for span in spans:
        yield text[at : span.start]
        yield span.mark
        at = span.end
    yield text[at:]
