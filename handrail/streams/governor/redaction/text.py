"""Texts without what must not be shown: every kind of detector over one text, in time linear in its length."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import re2

from handrail.streams.governor.redaction import cards, emails, ibans, phones, secrets
from handrail.streams.governor.redaction.span import Span, apart, pieces
from handrail.streams.governor.redaction.view import UNSEEN, bytes_view, options, view

SCANNED_MAX = 16 << 20  # characters of one text; the largest record is a dead letter of 9 MB
CACHED, CACHED_MAX = 2048, 2048  # texts, characters of one: a conversation is handed off more than once

LOOK_MAX = 160  # characters after a cut: more than the longest card, account number, address or start of a token

UNSEEN_ONES = re.compile(f"[{UNSEEN}]")
Find = Callable[[bytes], Iterable[Span]]
# In the order in which they win where two find the same place.
_DETECTORS: tuple[tuple[Find, tuple[str, ...]], ...] = (
    (secrets.find, secrets.CANDIDATES),
    (emails.find, (emails.CANDIDATE,)),
    (ibans.find, (ibans.CANDIDATE,)),
    (cards.find, (cards.CANDIDATE,)),
    (phones.find, (phones.CANDIDATE,)),
)


class Redacted(NamedTuple):
    """A text as it may be shown, and the kinds of what was taken out, each once, in order."""

    text: str
    kinds: tuple[str, ...]


CANDIDATES = tuple(pattern for _, patterns in _DETECTORS for pattern in patterns)


def spans(text: bytes) -> list[Span]:
    """What is not to be shown of a view, by its place."""
    named = _ANY.Match(text)
    if not named:
        return []
    asked = dict.fromkeys(_OWNERS[number] for number in sorted(named))
    return apart((span for find in asked for span in find(text)), len(text))


def redact_text(text: str) -> Redacted:
    """The text with marks in place of what was found. What lies beyond SCANNED_MAX is not shown at all."""
    return _remembered(text) if len(text) <= CACHED_MAX else _redact(text)


def redact_bytes(value: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The same of bytes that may be no text."""
    text, kinds = _shown(value.decode("latin-1"), spans(bytes_view(value[:SCANNED_MAX])))
    return (text.encode("latin-1", "replace"), kinds) if kinds else (value, kinds)


def _redact(text: str) -> Redacted:
    return Redacted(*_shown(text, located(text[:SCANNED_MAX])))


_remembered = lru_cache(CACHED)(_redact)


def located(text: str) -> list[Span]:
    """What is not to be shown of a text, by its place; characters that nobody sees part nothing."""
    if text.isascii() or not UNSEEN_ONES.search(text):
        return spans(view(text))
    places = [at for at, character in enumerate(text) if character not in UNSEEN]
    in_view = spans(view("".join([text[at] for at in places])))
    return [Span(places[span.start], places[span.end - 1] + 1, span.kind, span.mark) for span in in_view]


def cut(text: str, length_max: int) -> str:
    """The start of the text, at most so long; shorter where it would end within a secret, a number or an address."""
    if len(text) <= length_max:
        return text
    for span in located(text[: length_max + LOOK_MAX]):
        if span.start < length_max < span.end:
            return text[: span.start]
    return text[:length_max]


def _shown(text: str, hidden: list[Span]) -> tuple[str, tuple[str, ...]]:
    if len(text) > SCANNED_MAX:
        unseen = Span(SCANNED_MAX, len(text), "too_long", f"[{len(text) - SCANNED_MAX} characters not looked at]")
        hidden.append(unseen)
    if not hidden:
        return text, ()
    return "".join(pieces(text, hidden)), tuple(sorted({span.kind for span in hidden}))


def _set() -> tuple[re2.Set, list[Find]]:
    """All candidates in one automaton: one pass says which detectors have something to look at."""
    candidates, owners = re2.Set.SearchSet(options()), []
    for find, patterns in _DETECTORS:
        for pattern in patterns:
            candidates.Add(pattern.encode())
            owners.append(find)
    candidates.Compile()
    return candidates, owners


_ANY, _OWNERS = _set()
