"""HTML from templates: everything that is put in is escaped, whatever it is."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from handrail.desk import words
from handrail.desk.web import plain
from handrail.desk.web.form import new_event_id, now_ms
from handrail.desk.web.security import csrf_of, person_of

HERE = Path(__file__).parent
STATIC = HERE / "static"


class Pages:
    """The templates, loaded once."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "plain": words.plain,
            "line": words.line,
            "call": words.call,
            "reason": words.reason,
            "happened": words.happened,
            "rule": words.rule,
            "evidence": plain.evidence,
            "one_line": plain.one_line,
            "pretty": plain.pretty,
            "missing": plain.missing,
            "percent": plain.percent,
            "clock": plain.clock,
        }
        self._environment.globals |= {
            "KINDS": plain.KINDS,
            "COUNTED": plain.COUNTED,
            "VERDICTS": plain.VERDICTS,
            "CAUSES": plain.CAUSES,
            "OUTCOMES": plain.OUTCOMES,
            "ROLES": plain.ROLES,
            "left": words.left,
            "new_event_id": new_event_id,
        }

    def page(self, request: Request, name: str, away: str, status: int = 200, **values: Any) -> HTMLResponse:
        """The page `name` for this request. `away` says why what is shown may be old."""
        text = self._environment.get_template(f"{name}.html").render(
            person=person_of(request), csrf=csrf_of(request), away=away, now_ms=now_ms(), **values
        )
        # Customers' words stay out of caches; what a person sees is what there is now.
        return HTMLResponse(text, status, {"cache-control": "no-store"})
