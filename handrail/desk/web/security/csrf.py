"""Requests that change something come from our own pages: the token, and what the browser says of the origin.

After OWASP's cheat sheet: a token per session as the defence, the browser's headers as the second one.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

FIELDS_MAX = 200
_FORM = "application/x-www-form-urlencoded"


def token_of(secret: str) -> str:
    """The token of a session (or of a browser before login): reveals nothing of its secret; empty for no secret."""
    if not secret:
        return ""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), b"handrail desk csrf", hashlib.sha256).hexdigest()


def sent(headers: Mapping[str, str], body: bytes) -> str:
    """The token that a request brings, in X-CSRF-Token or in exactly one form field `csrf`; empty for none."""
    if (header := headers.get("x-csrf-token")) is not None:
        return header
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return ""
    try:
        fields = parse_qsl(body.decode("ascii"), max_num_fields=FIELDS_MAX, keep_blank_values=True)
    except ValueError:
        return ""
    tokens = [value for name, value in fields if name == "csrf"]
    return tokens[0] if len(tokens) == 1 else ""


def agrees(expected: str, given: str) -> bool:
    """The token is the one of this session; compared in constant time."""
    return bool(expected) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))


def foreign(headers: Mapping[str, str], own: str) -> str | None:
    """Why the request was begun elsewhere, by what the browser says; None where it was not, or no browser speaks.

    Under `Referrer-Policy: no-referrer` browsers send `Origin: null` with our own forms (Fetch, section 3.2), so `null`
    counts only where Sec-Fetch-Site says the same origin.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return f"Sec-Fetch-Site: {site[:20]}"
    if origin is None or origin.lower() == own:
        return None
    if origin == "null" and site == "same-origin":
        return None
    return "Origin"
