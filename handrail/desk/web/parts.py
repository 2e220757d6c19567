"""What the handlers of a desk share."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.requests import Request

from handrail.desk.web.audit import Audit
from handrail.desk.web.follower import Follower
from handrail.desk.web.notifier import Notifier
from handrail.desk.web.pages import Pages
from handrail.desk.web.presence import FirstSeen, Presence
from handrail.desk.web.sending import Sender
from handrail.schemas.keys import SigningKey

Reveal = Callable[[dict[str, Any], str], Awaitable[str | None]]
"""(the handoff's data, one of its `redacted` paths) -> the value, None where it is gone."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One desk: `ended` is set when it stops, so that streams end; `streams` counts those that are open."""

    follower: Follower
    sender: Sender
    audit: Audit
    presence: Presence
    changes: Notifier
    pages: Pages
    key: SigningKey | None
    reveal: Reveal | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    seen: FirstSeen = field(default_factory=FirstSeen)
    streams: set[int] = field(default_factory=set)


def desk_of(request: Request) -> Desk:
    """The desk that answers this request."""
    return cast(Desk, request.app.state.desk)
