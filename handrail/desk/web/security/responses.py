"""What every response tells the browser, the login page, and the page that says why a request was refused."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
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
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


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


def login_form(status: int, **values: Any) -> HTMLResponse:
    """The login page: `csrf`, `next`, `local`, `oidc`, `line` (what went wrong; may be empty)."""
    return HTMLResponse(_TEMPLATES.get_template("login.html").render(**values), status)


def refusal(status: int, line: str, *, page: bool, login_again: bool = False) -> Response:
    """Why nothing was done: for a person, or for a program."""
    if not page:
        return JSONResponse({"error": line}, status)
    values = {"status": status, "line": line, "login_again": login_again}
    return HTMLResponse(_TEMPLATES.get_template("refused.html").render(**values), status)
