"""Text that others wrote, safe to print: it cannot move a terminal's cursor, hide or turn round what is there."""

import re

# Control characters (C0, C1), the marks that turn the direction of text, what nobody can see, and halves of characters:
# what is read must be what is there, and what is there must be read.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """The text with every unsafe character written out; line ends and tabs stay."""
    return escaped(text.replace("\r\n", "\n"))


def escaped(text: str) -> str:
    """The text with every unsafe character written as JSON writes it: JSON that means the same."""
    return _UNSAFE.sub(_written, text)


def _written(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def line(text: str) -> str:
    """The text in one line."""
    return plain(" ".join(text.split()))
