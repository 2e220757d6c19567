"""The login page, and the page that says why a request was refused."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse, Response

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def login(status: int, **told: Any) -> HTMLResponse:
    """The login page: `csrf`, `next`, `local`, `oidc`, `line` (what went wrong; may be empty)."""
    return HTMLResponse(_TEMPLATES.get_template("login.html").render(**told), status)


def refused(status: int, line: str, *, page: bool, login_again: bool = False) -> Response:
    """Why nothing was done: for a person, or for a program."""
    if not page:
        return JSONResponse({"error": line}, status)
    told = {"status": status, "line": line, "login_again": login_again}
    return HTMLResponse(_TEMPLATES.get_template("refused.html").render(**told), status)
