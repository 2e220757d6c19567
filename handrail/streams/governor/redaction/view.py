"""A text as detectors look at it: one ASCII byte for each of its characters, so that places in one are places in both.

Digits, spaces, dashes and quotes of other scripts are the ASCII ones, Latin letters lose their accents, any other
character is `?`. The tables are written out here: what Python's own Unicode tables say changes with its version.
"""

import re

import re2

OTHER = "?"
_ZEROS = (0x0660, 0x06F0, 0x0966, 0x09E6, 0x0E50, 0xFF10)  # of the scripts whose digits people type
UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u200b\u200c\u200d\u200e\u200f"
    "\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b"
    "\u206c\u206d\u206e\u206f\ufe0e\ufe0f\ufeff"
)
"""Characters that nobody sees, and that part nothing."""
_SPACES = "\u2014\u2015\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES = "\u2010\u2011\u2012\u2013\u2212\ufe58\ufe63\uff0d"
_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"
_MARKS = {
    "\uff20": "@", "\uff0f": "/", "\u2044": "/", "\uff3f": "_", "\u00b7": ".", "\u2022": ".", "\u2028": "\n",
    "\u2029": "\n", "\uff0b": "+", "\uff0e": ".", "\uff1a": ":", "\uff1d": "=",
}  # fmt: skip
_ACCENTED = {
    "a": "àáâãäåāăą", "c": "çćĉċč", "d": "ďđð", "e": "èéêëēĕėęě", "g": "ĝğġģ", "h": "ĥħ", "i": "ìíîïĩīĭįı", "j": "ĵ",
    "k": "ķ", "l": "ĺļľŀł", "n": "ñńņňŋ", "o": "òóôõöøōŏőœæ", "r": "ŕŗř", "s": "śŝşšß", "t": "ţťŧþ",
    "u": "ùúûüũūŭůűų", "w": "ŵ", "y": "ýÿŷ", "z": "źżž",
    "A": "ÀÁÂÃÄÅĀĂĄ", "C": "ÇĆĈĊČ", "D": "ĎĐÐ", "E": "ÈÉÊËĒĔĖĘĚ", "G": "ĜĞĠĢ", "H": "ĤĦ", "I": "ÌÍÎÏĨĪĬĮİ", "J": "Ĵ",
    "K": "Ķ", "L": "ĹĻĽĿŁ", "N": "ÑŃŅŇŊ", "O": "ÒÓÔÕÖØŌŎŐŒÆ", "R": "ŔŖŘ", "S": "ŚŜŞŠ", "T": "ŢŤŦÞ",
    "U": "ÙÚÛÜŨŪŬŮŰŲ", "W": "Ŵ", "Y": "ÝŸŶ", "Z": "ŹŻŽ",
}  # fmt: skip
_PLAIN = {
    **{ord(character): " " for character in _SPACES},
    **{ord(character): "-" for character in _DASHES},
    **{ord(character): '"' for character in _QUOTES},
    **{ord(character): mark for character, mark in _MARKS.items()},
    **{0xFF21 + at: chr(65 + at) for at in range(26)},
    **{0xFF41 + at: chr(97 + at) for at in range(26)},
    **{zero + digit: str(digit) for zero in _ZEROS for digit in range(10)},
    **{ord(character): letter for letter, accented in _ACCENTED.items() for character in accented},
    **dict.fromkeys(range(880, 1328), "x"),  # Greek and Cyrillic letters: part of a word, none of ours
}
_FOREIGN = re.compile(r"[^\x00-\x7f]+")  # one class: linear


def view(text: str) -> bytes:
    """As many ASCII bytes as the text has characters."""
    if text.isascii():
        return text.encode()
    return _FOREIGN.sub(lambda run: run[0].translate(_PLAIN), text).encode("ascii", "replace")


def bytes_view(value: bytes) -> bytes:
    """The same of bytes that may be no text: each byte that is no ASCII is `?`."""
    return value.decode("ascii", "replace").encode("ascii", "replace")


def options() -> re2.Options:
    """Of every pattern: a view is bytes, and a pattern may not take more memory than this."""
    settings = re2.Options()
    settings.encoding = re2.Options.Encoding.LATIN1
    settings.log_errors = False
    settings.max_mem = 16 << 20
    return settings


def compiled(pattern: str) -> re2._Regexp:
    """The pattern over views; RE2 takes time linear in the text, whatever is in it."""
    return re2.compile(pattern.encode(), options())
