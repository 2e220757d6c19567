"""A small issuer of OAuth tokens for tests: a key of its own, and the file of keys that brokers check tokens with."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

AUDIENCE = "kafka"
ISSUER = "https://issuer.test"
LIFE_S = 3600


class Issuer:
    """Signs tokens; `keys` is the file with its public key (JWKS)."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        one = {"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "n": _text(numbers.n), "e": _text(numbers.e)}
        self.keys = folder / "jwks.json"
        self.keys.write_text(json.dumps({"keys": [one]}))

    def token(self, subject: str, life_s: float = LIFE_S, **claims: Any) -> str:
        """A token of that subject; it ended already where `life_s` is negative."""
        now_s = int(time.time())
        said = {"sub": subject, "iss": ISSUER, "aud": AUDIENCE, "iat": now_s - 60, "exp": int(now_s + life_s)}
        return jwt.encode({**said, "scope": "kafka", **claims}, self._key, algorithm="RS256", headers={"kid": "one"})

    def command(self, subject: str, token: str | None = None) -> str:
        """A command that prints a token of that subject, from a file that a test may write anew."""
        path = self._folder / f"{subject}.token"
        path.write_text(token or self.token(subject))
        return f"cat {path}"


def _text(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).decode().rstrip("=")
