"""The queue: what waits for a person."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from handrail.desk.board import PRIORITIES
from handrail.desk.web.filters import PER_PAGE, Filters
from handrail.desk.web.form import now_ms
from handrail.desk.web.handoff_view import HandoffView
from handrail.desk.web.parts import desk_of
from handrail.desk.web.people import by
from handrail.desk.web.security import require

LIVE = "x-desk-live"  # the page asks again by itself, so nobody has clicked


async def queue(request: Request) -> Response:
    """`GET /`: the handoffs that the address asks for, one page of them."""
    person, desk = require(request, "reader"), desk_of(request)
    filters, cases = Filters.of(request.query_params), desk.follower.cases
    waiting = cases.open()
    chosen = filters.chosen(waiting, person.id)
    if LIVE not in request.headers or ("queue", person.session_id) not in desk.seen:
        desk.audit.queue("queue", by=by(person), session=person.session_id, filters=filters.address())
    desk.seen.first_ms(now_ms(), "queue", person.session_id)
    pages = max(1, -(-len(chosen) // PER_PAGE))
    at = min(filters.page, pages)
    return desk.pages.page(
        request,
        "queue",
        desk.follower.connection.away,
        filters=filters,
        rows=chosen[(at - 1) * PER_PAGE : at * PER_PAGE],
        found=len(chosen),
        at=at,
        pages=pages,
        unseen=cases.unseen,
        **_summary(waiting),
    )


def _summary(waiting: Sequence[HandoffView]) -> dict[str, Any]:
    now = now_ms()
    kinds = Counter(held.record["kind"] for held in waiting)
    queues = Counter(held.record["queue"] for held in waiting)
    priorities = Counter(held.record["priority"] for held in waiting)
    named = [name for name in PRIORITIES if name in priorities]
    return {
        "total": len(waiting),
        "late": sum(1 for held in waiting if (due := held.case.due_ms) is not None and due <= now),
        "kinds": kinds,
        "queues": sorted(queues.items()),
        "priorities": [(name, priorities[name]) for name in (*named, *sorted(priorities.keys() - set(named)))],
    }
