"""`loop.response` and `loop.customer`: the same answer, or the customer's same words, three times in a conversation.

A phrase is 7 bytes: one for who said it, 5 of the digest of its normalised text, one for the count. The state keeps
the 24 least recently begun; both sides share it.
"""

from hashlib import sha256

AGENT, CUSTOMER = b"a", b"c"
PHRASE, KEY = 7, 6
PHRASES_MAX = 24
TIMES = 3
COUNT_MAX = 255


def observe(said: bytes, who: bytes, normalised: str) -> tuple[bytes, int]:
    """The state with one more utterance, and how often `who` (AGENT or CUSTOMER) has said it now."""
    key = who + sha256(normalised.encode()).digest()[: KEY - 1]
    at = said.find(key)
    while at >= 0 and at % PHRASE:
        at = said.find(key, at + 1)
    if at < 0:
        kept = said if len(said) < PHRASES_MAX * PHRASE else said[PHRASE:]
        return kept + key + b"\x01", 1
    count = min(said[at + PHRASE - 1] + 1, COUNT_MAX)
    return said[:at] + said[at + PHRASE :] + key + bytes((count,)), count
