"""Signatures of webhooks, and whether a request comes from the source that it names. Pure.

Outgoing ones are Standard Webhooks 1.0.0: HMAC-SHA256 over id, time and body, joined by full stops. Incoming ones are
compared in constant time.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from handrail.hooks.config import Hmac, Standard, Token, Verify
from handrail.schemas.clock import to_ms
from handrail.schemas.errors import SchemaError

SIGNATURES_MAX = 10  # in one header; no sender has more secrets at a time
NO = "the signature is not the source's"


def signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,BASE64` of one secret."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(secret, signed, sha256)).decode()


def headers(secrets: Sequence[bytes], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers; one signature a secret, so that receivers can change theirs in between."""
    timestamp = str(timestamp_s)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in secrets),
    }


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a source shares with us: bytes, one or several while it is changed."""

    values: Sequence[bytes]


def rejection(how: Verify, secrets: Secrets, headers: Mapping[str, str], body: bytes, now_s: float) -> str | None:
    """Why a request is not believed, for us and not for the sender; None where it is. Header names in lower case."""
    if isinstance(how, Token):
        return _token(how, secrets, headers)
    if isinstance(how, Standard):
        return _standard(how, secrets, headers, body, now_s)
    return _hmac(how, secrets, headers, body, now_s)


def _token(how: Token, secrets: Secrets, headers: Mapping[str, str]) -> str | None:
    given = headers.get(how.header.lower(), "").encode()
    matches = [hmac.compare_digest(given, how.prefix.encode() + secret) for secret in secrets.values]
    return None if any(matches) else "the token is not the source's"


def _standard(how: Standard, secrets: Secrets, headers: Mapping[str, str], body: bytes, now_s: float) -> str | None:
    name, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not name or not timestamp.isdecimal() or len(timestamp) > 12:
        return "webhook-id or webhook-timestamp is missing"
    if abs(now_s - int(timestamp)) > how.tolerance_s:
        return f"webhook-timestamp is more than {how.tolerance_s:g} s off"
    given = headers.get("webhook-signature", "").split(" ")[:SIGNATURES_MAX]
    expected = [signature(secret, name, timestamp, body) for secret in secrets.values]
    matches = [hmac.compare_digest(sent.encode(), right.encode()) for sent in given for right in expected]
    return None if any(matches) else NO


def _hmac(how: Hmac, secrets: Secrets, headers: Mapping[str, str], body: bytes, now_s: float) -> str | None:
    before = b""
    if how.timestamp_header is not None:
        timestamp = headers.get(how.timestamp_header.lower(), "")
        if (at_s := _seconds(timestamp)) is None:
            return f"{how.timestamp_header} is missing, or no time"
        if abs(now_s - at_s) > how.tolerance_s:
            return f"{how.timestamp_header} is more than {how.tolerance_s:g} s off"
        before = (timestamp + how.between).encode()
    given = headers.get(how.header.lower(), "").encode()
    matches = [hmac.compare_digest(given, _signed(how, secret, before + body)) for secret in secrets.values]
    return None if any(matches) else NO


def _signed(how: Hmac, secret: bytes, content: bytes) -> bytes:
    digest = hmac.digest(secret, content, how.digest)
    text = b64encode(digest).decode() if how.encoding == "base64" else digest.hex()
    return (how.prefix + text).encode()


def _seconds(text: str) -> float | None:
    """Seconds since 1970, or RFC 3339."""
    if text.isdecimal() and len(text) <= 12:
        return float(text)
    try:
        return to_ms(text) / 1000
    except SchemaError:
        return None
