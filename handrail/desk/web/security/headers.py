"""What every answer tells the browser."""

from starlette.datastructures import MutableHeaders
from starlette.types import Message

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HSTS = "max-age=31536000"  # a year; not for subdomains, which may be others'
ALWAYS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
CROSS_ORIGIN = ("access-control-allow-origin", "access-control-allow-credentials")


def harden(start: Message, *, secure: bool, cacheable: bool) -> None:
    """Put the headers into an `http.response.start`, over whatever the app has said; it shares with no other origin."""
    headers = MutableHeaders(scope=start)
    for name, value in ALWAYS.items():
        headers[name] = value
    if secure:
        headers["Strict-Transport-Security"] = HSTS
    if not cacheable or "cache-control" not in headers:
        headers["Cache-Control"] = "no-store"
    for name in CROSS_ORIGIN:
        if name in headers:
            del headers[name]
