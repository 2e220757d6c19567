"""Cutting a text: never through something that would no longer be known for what it is."""

from handrail.streams.governor.redaction.text import located

LOOK_MAX = 160  # characters behind the cut: more than the longest card, account number, address or start of a token


def cut(text: str, length_max: int) -> str:
    """The start of the text, at most so long; shorter where it would end within a secret, a number or an address."""
    if len(text) <= length_max:
        return text
    for span in located(text[: length_max + LOOK_MAX]):
        if span.start < length_max < span.end:
            return text[: span.start]
    return text[:length_max]
