"""Signatures of webhooks as in Standard Webhooks 1.0.0: HMAC-SHA256 over id, time and body, joined by full stops.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from hashlib import sha256

PREFIX = "whsec_"
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
SECRETS_MAX = 3  # of one endpoint: the one that counts, and those it replaces
HINT = 'make one with: echo "whsec_$(openssl rand -base64 32)"'


def secrets_of(text: str) -> tuple[bytes, ...]:
    """The secrets of a file, one a line, the newest first. Raises ValueError with what to write."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= SECRETS_MAX:
        raise ValueError(f"holds {len(lines)} secrets, must hold 1 to {SECRETS_MAX}, one a line: {HINT}")
    return tuple(_secret(line) for line in lines)


def _secret(line: str) -> bytes:
    try:
        found = b64decode(line.removeprefix(PREFIX), validate=True)
    except (Error, ValueError):
        found = b""
    if not line.startswith(PREFIX) or not SECRET_BYTES_MIN <= len(found) <= SECRET_BYTES_MAX:
        size = f"{SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"
        raise ValueError(f"a line is not {PREFIX} and {size} in base64: {HINT}")
    return found


def signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,BASE64` of one secret."""
    told = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(secret, told, sha256)).decode()


def headers(secrets: Sequence[bytes], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers; one signature a secret, so that receivers can change theirs in between."""
    timestamp = str(timestamp_s)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in secrets),
    }
