"""Which conversations belong to a sample: the same ones whoever asks, and other ones for every use.

A conversation's place in [0, 1) is the first 53 bits of SHA-256 of `salt|conversation`. A sample of rate r takes the
places below r, so a larger sample contains a smaller one of the same salt. The first m of a sample, ordered by place,
are a sample too: what a cap leaves out is missing at random. Samples of other salts have nothing to do with each other.
"""

from hashlib import sha256

SCORE, JUDGE, LABEL = "score", "judge", "label"
BITS = 53  # what a float holds exactly


def arm(experiment: str) -> str:
    """The salt that assigns conversations to the arms of an experiment."""
    return f"arm:{experiment}"


def place(conversation_id: str, salt: str) -> float:
    """The conversation's place in [0, 1) under that salt."""
    digest = sha256(f"{salt}|{conversation_id}".encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8]) >> (64 - BITS)) / (1 << BITS)


def sampled(conversation_id: str, salt: str, rate: float) -> bool:
    """Whether the conversation belongs to the sample of that rate, from 0 (none) to 1 (all).

    Raises ValueError for another rate.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"sampling: a rate goes from 0 to 1, got {rate}")
    return place(conversation_id, salt) < rate
