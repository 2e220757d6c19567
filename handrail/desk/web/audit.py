"""What people did at the desk, click by click, on `human.audit.v1`."""

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import Any, NoReturn
from uuid import uuid4

import orjson

from handrail.desk import words
from handrail.desk.web.sending import NotRecorded, Sender
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.fields import NAME_MAX, By, Name, Shape, Time
from handrail.schemas.keys import SigningKey
from handrail.schemas.signature import sign_record
from handrail.schemas.topics import AUDIT

TYPE = "handrail.desk.audit.v1"
SOURCE = "/humans/desk"
DESK = "desk"  # the subject of what is about no conversation
WAITING_MAX = 10_000
DETAIL_MAX = 200  # characters of a value: an audit names things, it keeps no texts
AGAIN_S = 1.0
REFUSALS = ("login.failed", "forbidden", "rate.limited")


class Named(Shape):
    """A person, or what somebody typed as a user's id."""

    id: Name
    name: str | None = None


class Audited(Shape):
    """`handrail.desk.audit.v1`: one thing that one person did, or tried to do.

    `action` is `login`, `view`, `claim`, `approved` and so on, `outcome` is `ok`, `refused` or `waiting`. `lost` counts
    the records before this one that had to be dropped because Kafka was away for too long.
    """

    action: Name
    outcome: Name
    by: Named | None
    at: Time
    handoff_id: Name | None = None
    conversation_id: Name | None = None
    session: Name | None = None
    lost: int = 0
    detail: dict[str, Any]


class Audit:
    """Records wait in memory, at most WAITING_MAX, until Kafka has acknowledged each; `run` sends them in order."""

    def __init__(self, sender: Sender, key: SigningKey | None) -> None:
        self._sender, self._key = sender, key
        self._waiting: deque[dict[str, Any]] = deque()
        self._there, self._all_sent = asyncio.Event(), asyncio.Event()
        self._lost = 0

    def queue(self, action: str, outcome: str = "ok", by: By | Named | None = None, **about: Any) -> None:
        """It will be on the log. `about`: `handoff_id`, `conversation_id`, `session`; all else is detail."""
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(self._event(action, outcome, by, about))
        self._all_sent.clear()
        self._there.set()

    def queue_login(self, kind: str, person: str | None, detail: dict[str, Any]) -> None:
        """As `queue`, for the events of the login; it may not know the id of the person."""
        name = words.line(person or "")[:NAME_MAX]  # what somebody typed for a user
        self.queue(kind, "refused" if kind in REFUSALS else "ok", Named(id=name) if name else None, **detail)

    async def write(self, action: str, by: By, **about: Any) -> None:
        """It is on the log when this returns, and only then may what it records happen. Raises NotRecorded."""
        await self._sender.send(AUDIT, self._event(action, "ok", by, about))

    async def run(self) -> NoReturn:
        """Send what waits, without an end."""
        while True:
            while self._waiting:
                event = self._waiting[0]
                try:
                    await self._sender.send(AUDIT, event)
                    if self._waiting and self._waiting[0] is event:  # it may have had to make room meanwhile
                        self._waiting.popleft()
                except NotRecorded:
                    await asyncio.sleep(AGAIN_S)
            self._there.clear()
            self._all_sent.set()
            await self._there.wait()

    async def drain(self, within_s: float) -> int:
        """What waits is sent; gives how many records could not be within that time."""
        if self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._all_sent.wait()
        return len(self._waiting)

    def _event(self, action: str, outcome: str, by: By | Named | None, about: dict[str, Any]) -> dict[str, Any]:
        at = to_rfc3339(int(time.time() * 1000))
        places = {name: about.pop(name, None) for name in ("handoff_id", "conversation_id", "session")}
        detail = {name: value[:DETAIL_MAX] if isinstance(value, str) else value for name, value in about.items()}
        who = None if by is None else Named(id=by.id, name=by.name)
        data = Audited(action=action, outcome=outcome, by=who, at=at, lost=self._lost, detail=detail, **places)
        self._lost = 0
        event = {
            "specversion": "1.0",
            "id": uuid4().hex,
            "source": SOURCE,
            "type": TYPE,
            "subject": places["conversation_id"] or DESK,
            "time": at,
            "datacontenttype": "application/json",
            "data": orjson.loads(orjson.dumps(data.model_dump(exclude_none=True))),
        }
        return sign_record(self._key, event)
