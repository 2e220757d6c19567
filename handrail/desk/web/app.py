"""The desk as a web application: which address is answered by what."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from handrail.desk.web import actions
from handrail.desk.web.handoff_page import handoff_page
from handrail.desk.web.live import live
from handrail.desk.web.pages import STATIC
from handrail.desk.web.parts import Desk, desk_of
from handrail.desk.web.queue_page import queue

TITLES = {403: "Not yours to do", 404: "Not here", 422: "That could not be read", 503: "Not now"}


def build(desk: Desk, more: Sequence[BaseRoute]) -> Starlette:
    """The application; `more` are the routes of the login. It has to be wrapped by `Security.wrap`."""
    routes = [
        Route("/", queue),
        Route("/handoffs/{handoff}", handoff_page),
        Route("/handoffs/{handoff}/claim", actions.claim, methods=["POST"]),
        Route("/handoffs/{handoff}/answer", actions.answer, methods=["POST"]),
        Route("/handoffs/{handoff}/reveal", actions.reveal, methods=["POST"]),
        Route("/events", live),
        Mount("/static", StaticFiles(directory=STATIC)),
        *more,
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refused})
    app.state.desk = desk
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """A page that says why, for people; a line where nobody has logged in."""
    assert isinstance(error, HTTPException)
    if error.status_code == 401:
        return PlainTextResponse(f"{error.detail}\n", 401)
    desk = desk_of(request)
    title = TITLES.get(error.status_code, "That did not work")
    away = desk.follower.connection.away
    return desk.pages.page(request, "refused", away, error.status_code, title=title, detail=error.detail)
