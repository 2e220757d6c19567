"""Which handoffs a person wants to see, as it stands in the address of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from handrail.desk.web.handoff_view import HandoffView
from handrail.schemas.identity import same

PER_PAGE = 50
TEXT_MAX = 200
PAGES_MAX = 1_000


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

    def chosen(self, cases: Sequence[HandoffView], person: str) -> list[HandoffView]:
        """Those that the person wants to see, in their order."""
        words = self.text.casefold().split()
        wanted = {"queue": self.queue, "kind": self.kind, "priority": self.priority}
        asked = {name: value for name, value in wanted.items() if value}
        return [
            held
            for held in cases
            if all(held.record[name] == value for name, value in asked.items())
            and self._whose(held, person)
            and all(word in held.searched for word in words)
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

    def _whose(self, held: HandoffView, person: str) -> bool:
        if self.whose == "mine":
            return same(held.case.claimed_by, person)
        return self.whose != "unclaimed" or held.case.claimed_by is None
