"""Passwords: stored as argon2id (RFC 9106), checked at the same pace for users that do not exist."""

import secrets
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from handrail.schemas.errors import ConfigError

LENGTH_MIN, LENGTH_MAX = 12, 1_024
# RFC 9106, second recommended option (64 MiB); OWASP's minimum is 19 MiB with two passes.
_HASHER = PasswordHasher(
    time_cost=3, memory_cost=64 * 1024, parallelism=4, hash_len=32, salt_len=16, encoding="utf-8", type=Type.ID
)


def hashed(password: str) -> str:
    """The password as it is stored. Raises ConfigError where it is too short or too long: there is no other rule."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise ConfigError(
            f"password: must have {LENGTH_MIN} to {LENGTH_MAX} characters, got {len(password)}: "
            "take a few words that nobody puts together"
        )
    return _HASHER.hash(_composed(password))


def unknown() -> str:
    """The hash of a password that nobody has, for users that do not exist."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def is_hash(encoded: str) -> bool:
    """It is an argon2id hash."""
    return encoded.startswith("$argon2id$")


def matches(encoded: str, password: str) -> bool:
    """It is the password of this hash; takes the same time whether or not."""
    try:
        return _HASHER.verify(encoded, _composed(password[:LENGTH_MAX])) and len(password) <= LENGTH_MAX
    except (VerificationError, InvalidHashError):
        return False


def _composed(password: str) -> str:
    """Keyboards differ in how they compose letters with accents (RFC 8265, OpaqueString: NFC)."""
    return unicodedata.normalize("NFC", password)
