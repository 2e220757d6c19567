"""Payment cards: 13 to 19 digits that an issuer may have given, with Luhn's check digit (ISO/IEC 7812-1)."""

from collections.abc import Iterator

from handrail.streams.governor.redaction.span import Span, escaped
from handrail.streams.governor.redaction.view import compiled

KIND = "card"
DIGITS_MIN, DIGITS_MAX = 13, 19
GROUP_MIN = 3  # cards are printed in groups of 4, or of 4, 6 and 5
_APART = r"(?:[ -]{0,3}|[^0-9A-Za-z,;\"'(){}$#%=]{1,3}|(?:\\{1,4}[nrt]){1,2})"
CANDIDATE = rf"[0-9](?:{_APART}[0-9]){{12,}}"
_PRINTED = (
    (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1), (4, 4, 4, 3), (4, 4, 4, 2), (8, 8), (6, 10),
    (12, 4),
)  # fmt: skip
"""Groups of digits as cards are printed, where other signs than spaces and dashes stand between them."""
_RUNS, _GROUPS, _OTHER = compiled(CANDIDATE), compiled("[0-9]+"), compiled("[^0-9 -]")
_PLAIN_RUNS = compiled(r"[0-9](?:[ -]{0,3}[0-9]){12,}")

# (first digits from, to, lengths): Visa, Mastercard, American Express, Diners Club, Discover, JCB, UnionPay, RuPay, Mir
# and Maestro, as their public numbering ranges were in 2025.
_ISSUERS = (
    ("4", "4", {13, 16, 19}),
    ("51", "55", {16}),
    ("2221", "2720", {16}),
    ("34", "34", {15}),
    ("37", "37", {15}),
    ("300", "305", {14}),
    ("36", "36", {14}),
    ("38", "39", {14}),
    ("6011", "6011", {16, 17, 18, 19}),
    ("644", "659", {16, 17, 18, 19}),
    ("3528", "3589", {16, 17, 18, 19}),
    ("62", "62", {16, 17, 18, 19}),
    ("81", "82", {16}),
    ("508", "508", {16}),
    ("2200", "2204", {16, 17, 18, 19}),
    ("5018", "5020", {13, 14, 15, 16, 17, 18, 19}),
    ("5038", "5038", {13, 14, 15, 16, 17, 18, 19}),
    ("5893", "5893", {13, 14, 15, 16, 17, 18, 19}),
    ("6304", "6304", {13, 14, 15, 16, 17, 18, 19}),
    ("6759", "6763", {13, 14, 15, 16, 17, 18, 19}),
)
WORD_MAX = 16
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_AFTER = frozenset(
    b"exp expires expiry expiring cvv cvc cid csc valid validthru thru until bis pin and und or mm".split()
)
_BESIDE = (
    b"card creditcard cardnumber cardno cardnr cc ccnumber pan no nr num number visa mastercard amex maestro mc karte "
    b"kreditkarte kartennummer carte tarjeta is ist"
)
_BEFORE = frozenset(word[::-1] for word in _BESIDE.split())
"""Words that people write without a space before a card's number, backwards; `_AFTER`: after it."""
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def find(text: bytes) -> Iterator[Span]:
    """Every card in a view, with its last four digits in the mark."""
    for run in _RUNS.finditer(text):
        first, last = run.span()
        groups = [(first + group.start(), first + group.end()) for group in _GROUPS.finditer(text[first:last])]
        if not _OTHER.search(text[first:last]):
            yield from _within(text, groups)
            continue
        if (printed := _printed(text, groups)) is not None:
            yield printed
            continue
        for part in _PLAIN_RUNS.finditer(text[first:last]):
            start = first + part.start()
            inner = [(start + group.start(), start + group.end()) for group in _GROUPS.finditer(part[0])]
            yield from _within(text, inner)


def is_card(number: str) -> bool:
    """Whether these digits are those of a card."""
    return DIGITS_MIN <= len(number) <= DIGITS_MAX and _issued(number) and _luhn(number)


def mark(number: str) -> str:
    """What is shown instead of the card."""
    return f"[card …{number[-4:]}]"


def _printed(text: bytes, groups: list[tuple[int, int]]) -> Span | None:
    """The whole run, where it is one card: as cards are printed, or digit by digit."""
    sizes = tuple(end - start for start, end in groups)
    number = "".join(text[start:end].decode() for start, end in groups)
    start, end = groups[0][0], groups[-1][1]
    shaped = sizes in _PRINTED or max(sizes) == 1
    if shaped and is_card(number) and _stands_alone(text, start, end):
        return Span(start, end, KIND, mark(number))
    return None


def _within(text: bytes, groups: list[tuple[int, int]]) -> Iterator[Span]:
    """Cards that begin and end with a group of digits of the run; the next begins after the last."""
    at = 0
    while at < len(groups):
        card = _from(text, groups, at)
        if card is None:
            at += 1
            continue
        count, span = card
        yield span
        at += count


def _from(text: bytes, groups: list[tuple[int, int]], at: int) -> tuple[int, Span] | None:
    """(groups of it, the card) where one begins with group `at`; the longest."""
    number, best, size = "", None, groups[at][1] - groups[at][0]
    if size > DIGITS_MAX or (size < GROUP_MIN and (at or len(groups) > DIGITS_MAX)):
        return None
    for count, (start, end) in enumerate(groups[at : at + DIGITS_MAX], 1):
        number += text[start:end].decode()
        if len(number) > DIGITS_MAX or (count > 1 and end - start < GROUP_MIN and end - start != size):
            break
        if _grouped(groups, at, count) and is_card(number) and _stands_alone(text, groups[at][0], end):
            best = count, Span(groups[at][0], end, KIND, mark(number))
    return best


def _grouped(groups: list[tuple[int, int]], at: int, count: int) -> bool:
    """As cards are written; or digit by digit, as they are spoken, and then nothing else belongs to the run."""
    sizes = [end - start for start, end in groups[at : at + count]]
    return min(sizes) >= GROUP_MIN or (max(sizes) == 1 and at == 0 and count == len(groups))


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    """Not in a word, but in one that is written beside cards, and not the decimals of a number."""
    before = text[max(0, start - WORD_MAX) : start]
    if before[-1:].isalnum() and not escaped(text, start - 1) and not _is_word(before[::-1], _BEFORE):
        return False
    after = text[end : end + WORD_MAX]
    decimals = before[-1:] == b"." and before[-2:-1].isdigit()
    if decimals or (after[:1] == b"." and after[1:2].isdigit()):
        return False
    return not after[:1].isalnum() or _is_word(after, _AFTER)


def _is_word(near: bytes, words: frozenset[bytes]) -> bool:
    """Whether the letters with which this begins are one of these words."""
    letters = len(near) - len(near.lstrip(_LETTERS))
    return near[:letters].lower() in words


def _issued(number: str) -> bool:
    return any(low <= number[: len(low)] <= high and len(number) in lengths for low, high, lengths in _ISSUERS)


def _luhn(number: str) -> bool:
    odd, even = number[-1::-2], number[-2::-2]
    return (sum(map(int, odd)) + sum(_DOUBLED[int(digit)] for digit in even)) % 10 == 0
