"""Two cookies: the session, and the browser that is on its way to log in.

SameSite=Lax, not Strict: the way back from the OIDC provider, and a link to a handoff in a chat, are navigations from
another site, and Strict would show such a person as not logged in. Lax lets through navigations by GET only, and
nothing changes by GET; everything else needs the token of csrf.py too.
"""

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope

SESSION, BROWSER = "handrail-desk", "handrail-login"
COOKIE_BYTES_MAX = 16 * 1024


def name_of(cookie: str, *, secure: bool) -> str:
    """`__Host-` binds a cookie to this host, to TLS, and to the root path (RFC 6265bis)."""
    return f"__Host-{cookie}" if secure else cookie


def value_of(scope: Scope, cookie: str, *, secure: bool) -> str:
    """The value of a cookie; empty where it is absent, or there twice, because then somebody else has set one."""
    wanted, values = name_of(cookie, secure=secure), []
    for name, value in _pairs(scope["headers"]):
        if name == wanted:
            values.append(value)
    return values[0] if len(values) == 1 else ""


def put(start: Message, cookie: str, value: str, *, secure: bool) -> None:
    """Set the cookie until the browser is closed; an empty value takes it away."""
    line = f"{name_of(cookie, secure=secure)}={value}; Path=/; HttpOnly; SameSite=Lax"
    line += "; Secure" if secure else ""
    line += "" if value else "; Max-Age=0"
    MutableHeaders(scope=start).append("Set-Cookie", line)


def _pairs(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    for name, value in headers:
        if name == b"cookie" and len(value) <= COOKIE_BYTES_MAX:
            for pair in value.decode("latin-1").split(";"):
                key, _, content = pair.strip().partition("=")
                yield key, content
