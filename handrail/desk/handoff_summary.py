"""What a reader keeps of a handoff, which may have 900 kB: all, what a list shows, what a search looks at. Pure."""

from collections.abc import Callable
from typing import Any

from handrail.desk import words
from handrail.desk.handoff_view import LINE_MAX
from handrail.schemas.handoff_revision import GAP, NEWS_MAX

# What only a person who opens the handoff reads; most of a record is this.
LONG = frozenset({"attempts", "transcript", "said_to_customer", "reasons", "customer", "contact"})
SEARCHED_MAX = 2_000  # characters of a handoff that a search looks at
SEARCHED = ("handoff_id", "conversation_id", "agent_id", "queue")
SHOWN = (
    *SEARCHED, "revision", "revision_min", "priority", "approvals", "kind", "opened_at", "opened_offset", "tenant",
    "due_at", "pending", "channel", "log", "transcript_truncated", "completeness",
)  # fmt: skip

NEWS = ("what", "tool", "status", "at", "offset")

Keep = Callable[[dict[str, Any]], dict[str, Any]]
"""From a handoff's data to what is kept of it; keeping that again changes nothing."""


def whole_of(name: str | None = None) -> Keep:
    """Keeps whole what the name can mean (the beginning of an id, or a conversation), of the others no LONG field."""

    def keep(data: dict[str, Any]) -> dict[str, Any]:
        if name is not None and (data["handoff_id"].startswith(name) or data["conversation_id"] == name):
            return data
        return {field: value for field, value in data.items() if field not in LONG}

    return keep


def summary(data: dict[str, Any]) -> dict[str, Any]:
    """What lists and answers need of a handoff, bounded."""
    reason, problem, customer = data["reason"], data["problem"], data["customer"]
    return {
        **{name: data[name] for name in SHOWN},
        "news": [short_news(row) for row in data["news"][-NEWS_MAX:]],
        "problem": {name: _short_problem(str(problem.get(name, ""))) for name in ("text", "summary")},
        "reason": {**{name: reason[name] for name in ("code", "action")}, "message": reason["message"][:LINE_MAX]},
        "customer": {name: str(customer[name])[:LINE_MAX] for name in ("ref", "tier") if name in customer},
    }


def _short_problem(text: str) -> str:
    """The customer's first words and the latest, each in one line, parted as an update expects it."""
    return GAP.join(words.line(part)[: LINE_MAX + 1] for part in text.split(GAP)[:2])


def short_news(news: dict[str, Any]) -> dict[str, Any]:
    """One line of news, bounded."""
    short: dict[str, Any] = {name: news[name] for name in NEWS if name in news}
    return {**short, "text": words.line(str(news.get("text") or ""))[:LINE_MAX]}


def search_text(data: dict[str, Any], line: str) -> str:
    """The text that a search looks at, in lower case; `line` is the handoff in one line."""
    customer = data["customer"]
    parts = [
        *(str(data[name]) for name in SEARCHED),
        *(str(customer[name]) for name in ("ref", "tier") if customer.get(name)),
        line,
        data["problem"].get("text", "")[:SEARCHED_MAX],
        data["reason"]["message"],
    ]
    return "\n".join(parts).casefold()[:SEARCHED_MAX]
