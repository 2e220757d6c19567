"""One handoff as the desk holds it: what lists and answers need. Its full text lies elsewhere (record_cache.py)."""

from dataclasses import dataclass, field
from typing import Any

from handrail.desk import outcome, words
from handrail.desk.board import CLAIMED, RESOLUTION, HandoffCase
from handrail.desk.outcome import Outcome
from handrail.schemas.errors import SchemaError
from handrail.schemas.handoff_revision import NEWS_MAX

LINE_MAX = 200  # characters of a line in a list
SEARCHED_MAX = 2_000  # characters of a handoff that a search looks at
ANSWERS_MAX = 20  # of one handoff; later ones change nothing
EVENTS_MAX = 8  # what the governor said last of a handoff
UPDATED = ("revision", "revision_min", "priority", "approvals")
PLACES = ("handoff_id", "conversation_id", "agent_id", "queue")

UNUSABLE = (SchemaError, KeyError, TypeError, ValueError, AttributeError, RuntimeError, StopIteration)
"""What is raised where a part that the contract leaves free (a pending action, evidence) has another shape."""

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What one person said, with the id of its event."""

    event_id: str
    data: dict[str, Any]


@dataclass(slots=True)
class HandoffView:
    """The newest revision, the latest claim, all answers, how it ended; `version` grows with every change.

    `place` is where its newest revision in full lies, `latest` where the newest update of it does.

    `came` says what came of each answer, by the answer's event id, as far as the governor has told since the desk
    follows it.
    """

    record: dict[str, Any]
    place: Place
    searched: str
    line: str
    latest: Place
    actions: tuple[str, ...] = ()
    claim: dict[str, Any] | None = None
    answers: list[AnswerView] = field(default_factory=list)
    closed: dict[str, Any] | None = None
    came: dict[str, Outcome] = field(default_factory=dict)
    version: int = 0
    _said: list[dict[str, Any]] = field(default_factory=list)

    @property
    def case(self) -> HandoffCase:
        """The handoff as the terminal knows it."""
        return HandoffCase(self.record, self.actions, self.claim, tuple(one.data for one in self.answers), self.closed)

    def revise(self, data: dict[str, Any], place: Place) -> None:
        """A revision in full came; an older one than the one held only adds its action."""
        if digest := (data["pending"] or {}).get("action_digest"):
            self.actions = tuple(dict.fromkeys((*self.actions, digest)))
        if data["revision"] >= self.record["revision"]:
            self.record, self.place, self.latest = lean(data), place, place
            self.searched, self.line = searched(data), line(data)

    def update(self, data: dict[str, Any], place: Place) -> None:
        """A revision came that holds only what is new."""
        if data["revision"] > self.record["revision"]:
            told = {name: data[name] for name in UPDATED if name in data}
            news = [*self.record["news"], *map(short_news, data["news"])][-NEWS_MAX:]
            self.record, self.latest = {**self.record, **told, "news": news}, place
            self.searched = "\n".join((self.searched, *(one["text"].casefold() for one in data["transcript"])))
            self.searched = self.searched[-SEARCHED_MAX:]

    def check(self) -> None:
        """Raises one of UNUSABLE where something that lists ask of every handoff cannot be answered."""
        case = self.case
        _ = (case.due_ms, case.approvals_needed, sorted(case.approved_by), case.halted)

    def apply(self, event: dict[str, Any]) -> None:
        """A person claimed or answered it."""
        if event["type"] == CLAIMED:
            self.claim = event["data"]
        elif event["type"] == RESOLUTION and len(self.answers) < ANSWERS_MAX:
            answer = AnswerView(event["id"], event["data"])
            if all(one.event_id != answer.event_id for one in self.answers):
                self.answers.append(answer)
                self._beaten(answer)
                self._settle()

    def says(self, event: dict[str, Any]) -> None:
        """The governor wrote something about it. Raises one of UNUSABLE where nothing can be read from that."""
        outcome.of(self.case, "approved", "", event)
        self._said = [*self._said[1 - EVENTS_MAX :], event]
        self._settle()

    def _beaten(self, answer: AnswerView) -> None:
        """Without an action that waits, the first answer closes it."""
        first = self.answers[0]
        if self.case.pending is None and first is not answer:
            by, said = words.line(first.data["by"]["id"]), first.data["outcome"]
            self.came[answer.event_id] = Outcome(f"too late: {by} answered first ({said})", counts=False)

    def _settle(self) -> None:
        for answer in self.answers:
            if answer.event_id in self.came:
                continue
            said, by = answer.data["outcome"], answer.data["by"]["id"]
            found = (outcome.of(self.case, said, by, event) for event in self._said)
            if (came := next((one for one in found if one is not None), None)) is not None:
                self.came[answer.event_id] = came


def lean(data: dict[str, Any]) -> dict[str, Any]:
    """What lists and answers need of a handoff, bounded; a handoff may have 900 kB."""
    reason, problem = data["reason"], data["problem"]
    short = {name: words.line(str(problem.get(name, "")))[:LINE_MAX] for name in ("text", "summary")}
    kept = (*PLACES, *UPDATED, "kind", "opened_at", "opened_offset", "tenant", "due_at", "pending", "channel")
    return {
        **{name: data[name] for name in kept},
        "news": [short_news(one) for one in data["news"][-NEWS_MAX:]],
        "problem": short,
        "reason": {**{name: reason[name] for name in ("code", "action")}, "message": reason["message"][:LINE_MAX]},
        "customer": {
            name: str(data["customer"][name])[:LINE_MAX] for name in ("ref", "tier") if name in data["customer"]
        },
        "score": data["completeness"]["score"],
    }


def short_news(news: dict[str, Any]) -> dict[str, Any]:
    """One line of news, bounded."""
    kept = ("what", "tool", "status", "at", "offset")
    short = {name: news[name] for name in kept if name in news}
    return {**short, "text": words.line(str(news.get("text") or ""))[:LINE_MAX]}


def line(data: dict[str, Any]) -> str:
    """The handoff in one line: what would be run, else the problem."""
    if data["pending"] is not None:
        found = words.call(data["pending"])
    else:
        found = words.line(data["problem"].get("text") or data["problem"].get("summary", ""))
    return found if len(found) <= LINE_MAX else found[: LINE_MAX - 1] + "…"


def searched(data: dict[str, Any]) -> str:
    """The text that a search looks at, in lower case."""
    customer = data["customer"]
    parts = [
        *(str(data[name]) for name in PLACES),
        *(str(customer[name]) for name in ("ref", "tier") if customer.get(name)),
        line(data),
        data["problem"].get("text", "")[:SEARCHED_MAX],
        data["reason"]["message"],
    ]
    return "\n".join(parts).casefold()[:SEARCHED_MAX]
