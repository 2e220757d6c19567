"""The queue: what waits for a person, and which part of it the address asks for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from handrail.desk.handoff_view import PRIORITIES, HandoffView
from handrail.desk.web.form import now_ms
from handrail.desk.web.parts import desk_of
from handrail.desk.web.security import require

PER_PAGE = 50
TEXT_MAX = 200
PAGES_MAX = 1_000
LIVE = "x-desk-live"  # the page asks again by itself, so nobody has clicked


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty fields let everything through; `text` looks for all of its words."""

    queue: str = ""
    kind: str = ""
    priority: str = ""
    whose: str = ""  # `mine`, `unclaimed`
    text: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filters":
        """The filters of an address; what it says beside them is passed over."""
        page = query.get("page", "1")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1
        named = {name: query.get(name, "")[:TEXT_MAX] for name in ("queue", "kind", "priority", "whose", "text")}
        return cls(**named, page=min(max(number, 1), PAGES_MAX))

    def chosen(self, handoffs: Sequence[HandoffView], person: str) -> list[HandoffView]:
        """Those that the person wants to see, in their order."""
        words = self.text.casefold().split()
        wanted = {"queue": self.queue, "kind": self.kind, "priority": self.priority}
        asked = {name: value for name, value in wanted.items() if value}
        return [
            handoff
            for handoff in handoffs
            if all(handoff.record[name] == value for name, value in asked.items())
            and self._whose(handoff, person)
            and all(word in handoff.search_text for word in words)
        ]

    def address(self, page: int = 1) -> str:
        """The address of the queue with these filters."""
        named = {
            "queue": self.queue,
            "kind": self.kind,
            "priority": self.priority,
            "whose": self.whose,
            "text": self.text,
            "page": str(page) if page > 1 else "",
        }
        query = urlencode({name: value for name, value in named.items() if value})
        return f"/?{query}" if query else "/"

    def _whose(self, handoff: HandoffView, person: str) -> bool:
        if self.whose == "mine":
            return handoff.is_claimed_by(person)
        return self.whose != "unclaimed" or handoff.claimed_by is None


async def queue(request: Request) -> Response:
    """`GET /`: the handoffs that the address asks for, one page of them."""
    person, desk = require(request, "reader"), desk_of(request)
    filters, handoffs = Filters.of(request.query_params), desk.follower.handoffs
    waiting = handoffs.open()
    chosen = filters.chosen(waiting, person.id)
    if LIVE not in request.headers or ("queue", person.session_id) not in desk.seen:
        desk.audit.queue("queue", by=person.by, session=person.session_id, filters=filters.address())
    desk.seen.first_ms(now_ms(), "queue", person.session_id)
    pages = max(1, -(-len(chosen) // PER_PAGE))
    at = min(filters.page, pages)
    return desk.pages.page(
        request,
        "queue",
        desk.follower.connection.away,
        filters=filters,
        rows=chosen[(at - 1) * PER_PAGE : at * PER_PAGE],
        matches=len(chosen),
        at=at,
        pages=pages,
        unseen=handoffs.unseen,
        **_summary(waiting),
    )


def _summary(waiting: Sequence[HandoffView]) -> dict[str, Any]:
    now = now_ms()
    kinds = Counter(handoff.record["kind"] for handoff in waiting)
    queues = Counter(handoff.record["queue"] for handoff in waiting)
    priorities = Counter(handoff.record["priority"] for handoff in waiting)
    named = [name for name in PRIORITIES if name in priorities]
    return {
        "total": len(waiting),
        "late": sum(1 for handoff in waiting if (due := handoff.due_ms) is not None and due <= now),
        "kinds": kinds,
        "queues": sorted(queues.items()),
        "priorities": [(name, priorities[name]) for name in (*named, *sorted(priorities.keys() - set(named)))],
    }
