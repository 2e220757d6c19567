"""One handoff, with everything that a person needs to carry on."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import KafkaError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from handrail.desk.handoff_view import HandoffView
from handrail.desk.web.form import new_event_id, now_ms
from handrail.desk.web.parts import Desk, desk_of
from handrail.desk.web.queue_page import LIVE
from handrail.desk.web.security import Person, require
from handrail.schemas.clock import to_ms
from handrail.schemas.errors import HandrailError

READ_S_MAX = 2.0


async def handoff_page(request: Request) -> Response:
    """`GET /handoffs/ID`; `?event=ID` says what came of that click."""
    person, desk = require(request, "reader"), desk_of(request)
    await _wait_until_read(request, desk)
    handoff = handoff_of(request)
    _audit(request, desk, handoff, person)
    return await render(request, handoff, event=request.query_params.get("event", ""))


async def render(
    request: Request,
    handoff: HandoffView,
    *,
    status: int = 200,
    event: str = "",
    alert: str = "",
    waits: bool = False,
    fields: Mapping[str, str] | None = None,
) -> Response:
    """The page of a handoff.

    `event` is the id of what the person has sent, `alert` what is wrong with it, `waits` whether it should be sent
    again as it is; `fields` is what they typed, which stays.
    """
    person, desk = require(request, "reader"), desk_of(request)
    handoff = desk.follower.handoffs.get(handoff.id) or handoff
    data, unread = await _text(desk, handoff)
    now = now_ms()
    return desk.pages.page(
        request,
        "case",
        desk.follower.connection.away,
        status,
        handoff=handoff,
        data=data,
        unread=unread,
        others=desk.presence.others(handoff.id, person.id),
        outcome=handoff.outcomes.get(event),
        sent=event if desk.sender.recorded(event) or desk.follower.handoffs.person_event(event) else "",
        alert=alert,
        waits=waits,
        fields=defaultdict(str, fields or {}),
        event_id=(fields or {}).get("event_id") if waits else new_event_id(),
        since=since_ms(desk, handoff, person, now),
        hides=data is not None and any(path.startswith("pending") for path in data["redacted"]),
        reveals=desk.reveal is not None and "revealer" in person.roles,
    )


def handoff_of(request: Request) -> HandoffView:
    """The handoff of the address. Raises HTTPException 404."""
    handoff = desk_of(request).follower.handoffs.get(request.path_params["handoff"])
    if handoff is None:
        raise HTTPException(404, "There is no such handoff, or it was closed some time ago.")
    return handoff


def since_ms(desk: Desk, handoff: HandoffView, person: Person, now: int) -> int:
    """When this person began with it: with their claim, or when they opened it first."""
    first = desk.seen.first_ms(now, "handling", person.id, handoff.id)
    if handoff.claim is not None and handoff.is_claimed_by(person.id):
        return min(first, to_ms(handoff.claim["at"]))
    return first


async def _wait_until_read(request: Request, desk: Desk) -> None:
    """A person who got the address from elsewhere may come a moment before the desk has read the handoff."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + READ_S_MAX
    while desk.follower.handoffs.get(request.path_params["handoff"]) is None and loop.time() < deadline_s:
        await desk.changes.after(desk.changes.number, deadline_s - loop.time())


async def _text(desk: Desk, handoff: HandoffView) -> tuple[dict[str, Any] | None, str]:
    """The handoff in full, or why it cannot be read now."""
    try:
        return await desk.follower.text(handoff), ""
    except (KafkaError, OSError, HandrailError, TimeoutError) as error:
        return None, " ".join(str(error).split()) or type(error).__name__


def _audit(request: Request, desk: Desk, handoff: HandoffView, person: Person) -> None:
    """Records each click, and each fetch by the page itself that shows a revision new to this session."""
    name, revision = handoff.id, handoff.record["revision"]
    key = ("view", person.session_id, name, str(revision))
    if LIVE not in request.headers or key not in desk.seen:
        about = {"handoff_id": name, "conversation_id": handoff.conversation_id, "revision": revision}
        desk.audit.queue("view", by=person.by, session=person.session_id, **about)
    desk.seen.first_ms(now_ms(), *key)
