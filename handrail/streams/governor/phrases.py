"""`loop.response` and `loop.customer`: the same answer, or the customer's same words, three times within an hour.

A phrase is 8 bytes: 5 of the digest of who said it and its normalised text, 2 for the minute in which it was said last,
1 for the minutes between that and the time before. The state keeps the 24 that were said last, both sides together;
what was said last more than an hour ago leaves with the next words. Minutes begin anew every 45 days: only words that
are the first ones in a conversation for so long could be taken for such of 45 days before.
"""

import re
import unicodedata
from hashlib import sha256

AGENT, CUSTOMER = b"a", b"c"
TIMES = 3
WITHIN_MIN = 60
PHRASES_MAX = 24
KEY, PHRASE = 5, 8
ONCE = 255  # instead of the minutes between two times: it was said once
MINUTE_MS, MINUTES = 60_000, 1 << 16

_APART = re.compile(r"[\W_]+")
_ASCII = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}


def normalise(text: str) -> str:
    """NFKC, case-folded, runs of white space and punctuation as one space: what counts as the same words."""
    if text.isascii():  # nearly always; the same, in a third of the time
        return " ".join(text.translate(_ASCII).split())
    return _APART.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def observe(phrases: bytes, who: bytes, normalised: str, now_ms: int) -> tuple[bytes, int]:
    """The state with one more utterance, and how often `who` has said it within an hour: 1, 2, or 3 for more as well.

    `who` is AGENT or CUSTOMER, `now_ms` the log's time.
    """
    key = sha256(who + normalised.encode()).digest()[:KEY]
    minute = now_ms // MINUTE_MS % MINUTES
    others, count, gap = b"", 1, ONCE
    for at in range(0, len(phrases), PHRASE):
        since = (minute - int.from_bytes(phrases[at + KEY : at + KEY + 2], "big")) % MINUTES
        if since > WITHIN_MIN:
            continue
        if phrases[at : at + KEY] != key:
            others += phrases[at : at + PHRASE]
            continue
        count, gap = 3 if since + phrases[at + PHRASE - 1] <= WITHIN_MIN else 2, since
    latest = key + minute.to_bytes(2, "big") + bytes((gap,))
    return others[-(PHRASES_MAX - 1) * PHRASE :] + latest, count
