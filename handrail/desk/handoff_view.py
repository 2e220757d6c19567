"""One handoff as its records tell it: the newest revision, the latest claim, the answers, how it ended. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.desk import words
from handrail.schemas.clock import to_ms
from handrail.schemas.identity import among, identity, same

HANDOFF = "handrail.handoff.v1"
CLOSED = "handrail.handoff.closed.v1"
CLAIMED = "handrail.handoff.claimed.v1"
RESOLUTION = "handrail.resolution.v1"
DECISION = "handrail.decision.v1"
ALERT = "handrail.alert.v1"
PRIORITIES = ("urgent", "high", "normal", "low")
LINE_MAX = 200  # characters of a line in a list

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an answer: one line for the person, and whether the answer counted."""

    line: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The `data` of one resolution, with the id of its event."""

    event_id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HandoffView:
    """One handoff after some records; the fold (handoff_fold.py) makes the next one from it.

    `record` is the newest revision with its updates, as much of it as the reader keeps. `actions` are the digests of
    the pending action in all revisions: there should be one. `claim` is the latest one, `answers` are the resolutions
    in the order of the log, `closed` says how it ended, at `closed_at`.

    `place` is where the newest revision in full lies, `latest` where the newest update of it does. `reports` are the
    governor's latest events about it, `outcomes` what came of each answer, by the id of its event. `version` grows with
    every change.
    """

    record: dict[str, Any]
    actions: tuple[str, ...] = ()
    claim: dict[str, Any] | None = None
    answers: tuple[Answer, ...] = ()
    closed: dict[str, Any] | None = None
    closed_at: str = ""
    place: Place = ("", 0, 0)
    latest: Place = ("", 0, 0)
    search_text: str = ""
    reports: tuple[dict[str, Any], ...] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    version: int = 0

    @property
    def id(self) -> str:
        """The handoff's id in full."""
        return str(self.record["handoff_id"])

    @property
    def conversation_id(self) -> str:
        """The conversation it is about; the key of every answer."""
        return str(self.record["conversation_id"])

    @property
    def kind(self) -> str:
        """`route`, `approval` or `escalation`."""
        return str(self.record["kind"])

    @property
    def pending(self) -> dict[str, Any] | None:
        """The action that waits, with its `action_digest`; None unless this is an approval."""
        action: dict[str, Any] | None = self.record["pending"]
        return action

    @property
    def claimed_by(self) -> str | None:
        """The id of the person who works on it."""
        return str(self.claim["by"]["id"]) if self.claim else None

    @property
    def due_ms(self) -> int | None:
        """When a person should have answered, in milliseconds since 1970-01-01 UTC; an approval then expires."""
        return to_ms(self.record["due_at"]) if self.record["due_at"] else None

    @property
    def approved_by(self) -> list[str]:
        """The ids of those who have approved it so far, each person once."""
        counted = list((self.record["approvals"] or {}).get("by", ()))
        digest = (self.pending or {}).get("action_digest")
        answered = [
            answer.data["by"]["id"]
            for answer in self.answers
            if answer.data["outcome"] == "approved"
            and answer.data.get("action_digest", digest) == digest
            and self.is_current(answer)
        ]
        return list({identity(person): person for person in reversed(counted + answered)}.values())[::-1]

    @property
    def approvals_needed(self) -> int:
        """How many people must approve; 0 unless this is an approval."""
        return int((self.record["approvals"] or {}).get("needed", 0))

    @property
    def revision_min(self) -> int:
        """An approval of an earlier revision releases nothing."""
        return int(self.record["revision_min"])

    @property
    def news(self) -> list[dict[str, Any]]:
        """What happened in the conversation since it was opened, in short."""
        news: list[dict[str, Any]] = self.record["news"]
        return news

    @property
    def halted(self) -> bool:
        """Whether the conversation was halted, which no answer undoes."""
        return bool(self.record["reason"]["action"] == "halt")

    @property
    def line(self) -> str:
        """The handoff in one line: what would be run, else the problem."""
        if self.pending is not None:
            text = words.call(self.pending)
        else:
            text = words.line(self.record["problem"].get("text") or self.record["problem"].get("summary", ""))
        return text if len(text) <= LINE_MAX else text[: LINE_MAX - 1] + "…"

    @property
    def urgency(self) -> tuple[int, float, str]:
        """The key that sorts the most urgent first: by priority, then by due time."""
        priority = self.record["priority"]
        rank = PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)
        return rank, float("inf") if self.due_ms is None else self.due_ms, self.id

    def is_claimed_by(self, person_id: str) -> bool:
        """Whether this person works on it."""
        return same(self.claimed_by, person_id)

    def is_approved_by(self, person_id: str) -> bool:
        """Whether this person has approved it."""
        return among(person_id, self.approved_by)

    def is_current(self, answer: Answer) -> bool:
        """Whether who answered so had seen what counts now: all but an approval always counts."""
        return answer.data["outcome"] != "approved" or (answer.data.get("revision") or 1) >= self.revision_min
