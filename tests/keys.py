"""Keys for tests: made here, the same in every run, and worth nothing."""

from hashlib import sha256

from handrail.schemas.keys import SigningKey


def key(name: str = "governor") -> SigningKey:
    """A key of that name."""
    return SigningKey(sha256(name.encode()).digest())
