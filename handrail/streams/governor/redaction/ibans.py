"""International bank account numbers: a country, its length, and the check digits (ISO 13616, ISO 7064 MOD 97-10)."""

from collections.abc import Iterator

from handrail.streams.governor.redaction.span import Span, inside_a_word
from handrail.streams.governor.redaction.view import compiled

KIND = "iban"
# Characters of an account number by country, from SWIFT's public IBAN registry (release 99, 2024).
LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
CANDIDATE = rf"(?i)(?:{'|'.join(LENGTHS)})[0-9]{{2}}[ \-./_\r\n\t]{{0,2}}[A-Z0-9]{{2}}"
APART_MAX = 2  # characters between two of a number
_BEGINS = compiled(CANDIDATE)


def find(text: bytes) -> Iterator[Span]:
    """Every account number in a view, with its last four characters in the mark."""
    for begin in _BEGINS.finditer(text):
        start = begin.start()
        number, end = _taken(text, start, LENGTHS[text[start : start + 2].decode().upper()])
        if number and not inside_a_word(text, start, end) and checks(number):
            yield Span(start, end, KIND, f"[iban …{number[-4:]}]")


def checks(number: str) -> bool:
    """Whether the check digits are right; `number` in capitals, without spaces."""
    moved = number[4:] + number[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _taken(text: bytes, start: int, length: int) -> tuple[str, int]:
    """(that many letters and digits from there on, where they end); none where other characters come before."""
    number, at, gap = bytearray(), start, 0
    while len(number) < length and at < len(text):
        character = text[at : at + 1]
        if character.isalnum():
            number += character
            gap = 0
        elif character in b" -./_\r\n\t" and gap < APART_MAX:
            gap += 1
        else:
            break
        at += 1
    return (number.decode().upper(), at) if len(number) == length else ("", start)
