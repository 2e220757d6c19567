"""E-mail addresses: what most mail systems take (RFC 5321's lengths, a name with at least one dot after the @)."""

from collections.abc import Iterator

from handrail.streams.governor.redaction.span import Span, escaped
from handrail.streams.governor.redaction.view import compiled

KIND, MARK = "email", "[email]"
LOCAL_MAX = 64
NO_DOMAINS = frozenset({b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js"})  # logo@2x.png
CANDIDATE = r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
_ADDRESSES = compiled(CANDIDATE)
_EDGES = b"'.-"


def find(text: bytes) -> Iterator[Span]:
    """Every address in a view."""
    for match in _ADDRESSES.finditer(text):
        start, end = match.span()
        at = text.index(b"@", start)
        start = max(start, at - LOCAL_MAX)
        if escaped(text, start):
            start += 1
        while start < at and text[start] in _EDGES:
            start += 1
        if start < at and text[at + 1 : end].rsplit(b".", 1)[-1].lower() not in NO_DOMAINS:
            yield Span(start, end, KIND, MARK)
