"""Phone numbers: international ones, and national ones as they are written; bare digits only where words say it.

Order, item and booking numbers are bare digits too. So ten digits in a row are a phone number only right after a word
like `phone`, or under such a name.
"""

from collections.abc import Iterator

from handrail.streams.governor.redaction.names import words_of
from handrail.streams.governor.redaction.span import Span, digits
from handrail.streams.governor.redaction.view import compiled

KIND, MARK = "phone", "[phone]"
DIGITS_MIN, DIGITS_MAX = 7, 15  # ITU-T E.164 has at most 15
NATIONAL_MIN, NATIONAL_MAX = 9, 12

INTERNATIONAL = r"\+ ?[0-9](?:[ ().\-/]{0,3}[0-9]){6,14}"
# 3-3-4, as in North America.
GROUPED = r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[0-9]{3}[ .-][0-9]{4}"
# A trunk 0, the area, the number: most of Europe, Japan, Australia.
TRUNK = r"(?:\(0[1-9][0-9]{0,4}\)|0[1-9][0-9]{0,4}) ?[ /-] ?[0-9]{2,8}(?:[ -][0-9]{2,5}){0,4}"
WORDS = (
    r"(?:tele)?phones?|tel|mobile|cell|whats ?app|fax|sms|text me|call me|reach me|msisdn|callback|telefon|handy"
    r"|telefono|portable|movil|rufnummer"
)
SAID = rf"(?i)\b(?:{WORDS})\b[^0-9+\n]{{0,16}}[0-9][0-9 ().\-/]{{5,18}}[0-9]"
# What costs little to look for: TRUNK alone is in every time and date.
CANDIDATE = "|".join((INTERNATIONAL, GROUPED, r"\(?\b0[1-9](?:[ ()/-]{0,3}[0-9]){7,}", SAID))
NAMES = frozenset(
    {"phone", "phone_number", "telephone", "tel", "mobile", "mobile_number", "cell", "cellphone", "fax", "msisdn"}
)
"""Under these names of fields a number is a phone number, however it is written."""

_INTERNATIONAL, _GROUPED, _TRUNK = compiled(INTERNATIONAL), compiled(GROUPED), compiled(TRUNK)
_SAID, _LAST = compiled(SAID), compiled(r"[0-9][0-9 ().\-/]{5,18}[0-9]$")
_DATE = compiled(r"^0[0-9][./-][0-9]{1,2}[./-](?:[0-9]{4}|[0-9]{2}\b)")


def is_name(name: str) -> bool:
    """Whether it ends with one of these, however it is written: `homePhone`, `customer_phone_number`."""
    words = words_of(name)
    while words and words[-1].isdigit():
        words = words[:-1]
    return bool(words) and (words[-1] in NAMES or "_".join(words[-2:]) in NAMES)


def find(text: bytes) -> Iterator[Span]:
    """Every phone number in a view."""
    for pattern, fits in ((_INTERNATIONAL, _any), (_GROUPED, _alike), (_TRUNK, _national)):
        for match in pattern.finditer(text):
            start, end = match.span()
            if fits(text[start:end]) and _stands_alone(text, start, end):
                yield Span(start, end, KIND, MARK)
    for match in _SAID.finditer(text):
        end = match.end()
        number = _LAST.search(text[match.start() : end])
        if number and is_number(number[0]) and _stands_alone(text, start := match.start() + number.start(), end):
            yield Span(start, end, KIND, MARK)


def is_number(text: bytes) -> bool:
    """Whether there are as many digits as a phone number has."""
    return DIGITS_MIN <= len(digits(text)) <= DIGITS_MAX


def _any(_: bytes) -> bool:
    return True


def _alike(text: bytes) -> bool:
    """Both separators are the same, or the area stands in brackets."""
    return b"(" in text or text[-9:-8] == text[-5:-4]


def _national(text: bytes) -> bool:
    return NATIONAL_MIN <= len(digits(text)) <= NATIONAL_MAX and not _DATE.search(text)


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    """No letter, digit or further group right before or after."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:].isalnum() and before != b"\\n":
        return False
    joined = before[-1:] in (b"-", b".", b"/", b"_", b"+") and before[:1].isalnum()
    goes_on = after[:1] in (b"-", b".", b"/", b":") and after[1:].isdigit()
    return not (joined or goes_on or after[:1].isalnum() or before[-1:] in (b"#", b"$"))
