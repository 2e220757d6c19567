"""`GET /events`: an open page learns what has changed, and the others see who looks at it."""

from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from handrail.desk.web.notifier import News, events
from handrail.desk.web.parts import Desk, desk_of
from handrail.desk.web.security import Person, require

STREAMS_MAX = 500
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def live(request: Request) -> Response:
    """Server-sent events; `?case=ID` says which handoff the page shows."""
    person, desk = require(request, "reader"), desk_of(request)
    if len(desk.streams) >= STREAMS_MAX:
        raise HTTPException(503, f"{STREAMS_MAX} pages are live already.")
    name = request.query_params.get("case", "")
    shown = name if desk.follower.handoffs.get(name) is not None else ""
    return StreamingResponse(_streamed(desk, shown, person), media_type="text/event-stream", headers=HEADERS)


async def _streamed(desk: Desk, name: str, person: Person) -> AsyncIterator[bytes]:
    def look() -> News:
        handoff = desk.follower.handoffs.get(name) if name else None
        others = desk.presence.others(name, person.id) if name else []
        version = None if handoff is None else handoff.version
        return News(desk.follower.number, version, others, desk.follower.connection.away)

    mark = object()
    desk.streams.add(id(mark))
    try:
        if name:
            with desk.presence.at(name, person.by):
                async for chunk in events(look, desk.changes, desk.ended):
                    yield chunk
        else:
            async for chunk in events(look, desk.changes, desk.ended):
                yield chunk
    finally:
        desk.streams.discard(id(mark))
