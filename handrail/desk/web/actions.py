"""What a person does to a handoff: claim and answer, each on the log before the page says so."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from aiokafka.errors import KafkaError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from handrail.desk.handoff_view import HandoffView
from handrail.desk.may_answer import Refused
from handrail.desk.web import answers
from handrail.desk.web.answers import ROLE_OF
from handrail.desk.web.form import Form, now_ms
from handrail.desk.web.handoff_page import handoff_of, render
from handrail.desk.web.parts import Desk, desk_of
from handrail.desk.web.security import Person, require
from handrail.desk.web.sending import NotRecorded
from handrail.schemas.errors import ConfigError, HandrailError
from handrail.schemas.fields import By
from handrail.schemas.keys import SigningKey
from handrail.schemas.topics import RESOLUTIONS

OUTCOME_S_MAX = 2.0  # the page waits so long for what came of an answer; later it shows it when it comes
REVEALED_MAX = 500  # characters of a path

MakeEvent = Callable[[HandoffView, By, Form, SigningKey | None, int], dict[str, Any]]


async def claim(request: Request) -> Response:
    """`POST /handoffs/ID/claim`."""
    form = await form_of(request)
    return await _record(request, require(request, "agent"), form, "claim", answers.claim)


async def answer(request: Request) -> Response:
    """`POST /handoffs/ID/answer`."""
    form = await form_of(request)
    try:
        outcome = form.outcome
    except ConfigError:  # Enter in a field, without the page's script
        return await render(request, handoff_of(request), status=422, alert="Choose an answer.", fields=form.fields)
    return await _record(request, require(request, ROLE_OF[outcome]), form, outcome, answers.answer)


async def reveal(request: Request) -> Response:
    """`POST /handoffs/ID/reveal`: one redacted value; that somebody asked for it is on the log before it is shown."""
    person, desk, form = require(request, "revealer"), desk_of(request), await form_of(request)
    handoff, path = handoff_of(request), form["path"][:REVEALED_MAX]
    try:
        data = await desk.follower.text(handoff)
        if desk.reveal is None or path not in data["redacted"]:
            raise HTTPException(404, "Nothing was redacted there.")
        await desk.audit.write("reveal", person.by, session=person.session_id, path=path, **_about(handoff))
        value = await desk.reveal(data, path)
    except NotRecorded as error:
        raise HTTPException(503, f"Nothing is revealed that is not on the log first. {error}") from None
    except (HandrailError, KafkaError, OSError, TimeoutError) as error:
        raise HTTPException(503, f"It cannot be read now. {error}") from None
    return desk.pages.page(request, "revealed", desk.follower.connection.away, handoff=handoff, path=path, value=value)


async def form_of(request: Request) -> Form:
    """What was sent. Raises HTTPException 422."""
    try:
        return Form.of(await request.body())
    except ConfigError as error:
        raise HTTPException(422, str(error)) from None


async def _record(request: Request, person: Person, form: Form, action: str, make_event: MakeEvent) -> Response:
    """The event of this click is on the log, or the page says why not and keeps what was typed."""
    desk, handoff = desk_of(request), handoff_of(request)
    try:
        await _send(desk, handoff, person, form, make_event)
    except (Refused, ConfigError) as error:
        _audit(desk, handoff, person, action, "refused", why=str(error))
        status = 409 if isinstance(error, Refused) else 422
        return await render(request, handoff, status=status, alert=str(error), fields=form.fields)
    except NotRecorded as error:
        _audit(desk, handoff, person, action, "waiting", why=str(error), event_id=form.event_id)
        return await render(request, handoff, status=503, alert=str(error), waits=True, fields=form.fields)
    _audit(desk, handoff, person, action, "ok", event_id=form.event_id)
    await _wait_for_outcome(desk, handoff.id, form.event_id, answered=action != "claim")
    return RedirectResponse(f"/handoffs/{quote(handoff.id)}?event={form.event_id}", 303)


async def _send(desk: Desk, handoff: HandoffView, person: Person, form: Form, make_event: MakeEvent) -> None:
    """Raises Refused, ConfigError, NotRecorded."""
    event_id, owner = form.event_id, (handoff.id, person.id)
    on_log = desk.follower.handoffs.person_event(event_id)
    known = on_log or desk.sender.owner(event_id)
    if known not in (None, owner):
        raise Refused("This form belongs to another answer. Load the page again.")
    if on_log is None and known is not None:  # a double click, or another try
        await desk.sender.again(event_id)
    elif on_log is None:
        await desk.sender.send(RESOLUTIONS, make_event(handoff, person.by, form, desk.key, now_ms()), owner)


async def _wait_for_outcome(desk: Desk, handoff_id: str, event_id: str, *, answered: bool) -> None:
    """Returns when the index has the event, and for an answer its outcome, or after OUTCOME_S_MAX."""
    deadline = asyncio.get_running_loop().time() + OUTCOME_S_MAX
    while (left := deadline - asyncio.get_running_loop().time()) > 0:
        number = desk.changes.number
        handoff = desk.follower.handoffs.get(handoff_id)
        if handoff is None or event_id in handoff.outcomes:
            return
        if not answered and desk.follower.handoffs.person_event(event_id):
            return
        await desk.changes.after(number, left)


def _audit(desk: Desk, handoff: HandoffView, person: Person, action: str, outcome: str, **detail: Any) -> None:
    desk.audit.queue(action, outcome, person.by, session=person.session_id, **_about(handoff), **detail)


def _about(handoff: HandoffView) -> dict[str, str]:
    return {"handoff_id": handoff.id, "conversation_id": handoff.conversation_id}
