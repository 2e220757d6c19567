"""A conversation as scorers read it: what was said and done, in its order, from the records of the log."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

HANDOFF_TOOL = re.compile(r"(transfer|hand_?off|hand_?over|escalate).*human", re.IGNORECASE)
"""How tools are named that give the customer to a person; `transfer_to_agent` gives to another AI, or money away."""
TURNS_MAX = 2_000  # of one conversation: of a longer one nothing is said

Effect = Callable[[str, str | None], str]
"""The effect of a tool by its name and by what the event declares: `read`, `write` or `unknown` (`Bundle.effect`)."""


class Logged(NamedTuple):
    """A record of the log: where it stands, its type (`handrail.query.received.v1`) and its data."""

    offset: int
    type: str
    data: Mapping[str, Any]


class Said(NamedTuple):
    """Words of the customer, or of the agent to the customer."""

    offset: int
    by: Literal["customer", "agent"]
    text: str


class Called(NamedTuple):
    """A tool that was called; `own`: by the customer in person."""

    offset: int
    tool: str
    action_id: str | None
    arguments: Any
    result: Any
    failed: bool
    writes: bool
    own: bool = False


class Owned(NamedTuple):
    """Who answers from here on: a person after a handoff, the AI once it was given back."""

    offset: int
    by: Literal["human", "ai"]


class Decided(NamedTuple):
    """A decision: on which action, and its reasons."""

    offset: int
    action_id: str | None
    kind: str
    verdict: str
    reasons: tuple[Mapping[str, Any], ...]


class Ended(NamedTuple):
    """An execution's end."""

    offset: int
    outcome: str


Turn = Said | Called | Owned


@dataclass(frozen=True, slots=True)
class Transcript:
    """One conversation. `unreadable` counts records that a scorer would need and that are not as the contract says."""

    turns: tuple[Turn, ...] = ()
    decisions: tuple[Decided, ...] = ()
    ends: tuple[Ended, ...] = ()
    unreadable: int = 0

    @classmethod
    def of(cls, records: Iterable[Logged], effect: Effect) -> "Transcript":
        """From the records of one conversation, in the order of the log; other types are passed over."""
        reading = _Reading(effect)
        for record in records:
            reading.take(record)
        unreadable = reading.unreadable + max(0, len(reading.turns) - TURNS_MAX)
        turns, decisions, ends = reading.turns[:TURNS_MAX], reading.decisions[:TURNS_MAX], reading.ends
        return cls(tuple(turns), tuple(decisions), tuple(ends), unreadable)

    def messages(self, by: str) -> list[Said]:
        """The messages of the customer, or of the agent."""
        return [turn for turn in self.turns if isinstance(turn, Said) and turn.by == by]

    def calls(self) -> list[Called]:
        """The agent's calls."""
        return [turn for turn in self.turns if isinstance(turn, Called) and not turn.own]


@dataclass(slots=True)
class _Reading:
    """A transcript while it is read."""

    effect: Effect
    turns: list[Turn] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    unreadable: int = 0

    def take(self, record: Logged) -> None:
        reader = READERS.get(record.type)
        if reader is None:
            return
        if isinstance(record.data, Mapping) and reader(self, record.offset, record.data):
            return
        self.unreadable += 1

    def query(self, offset: int, data: Mapping[str, Any]) -> bool:
        return self._say(offset, "customer", data.get("text"))

    def message(self, offset: int, data: Mapping[str, Any]) -> bool:
        if data.get("role") == "human_agent":
            self.turns.append(Owned(offset, "human"))
            return True
        return data.get("role") == "assistant" and self._say(offset, "agent", data.get("text"))

    def _say(self, offset: int, by: Literal["customer", "agent"], text: object) -> bool:
        if not isinstance(text, str):
            return False
        self.turns.append(Said(offset, by, text))
        return True

    def executed(self, offset: int, data: Mapping[str, Any]) -> bool:
        called = self._called(offset, data, own=False)
        if called is None:
            return False
        self.turns.append(called)
        if not called.failed and HANDOFF_TOOL.search(called.tool):
            self.turns.append(Owned(offset, "human"))
        return True

    def acted(self, offset: int, data: Mapping[str, Any]) -> bool:
        called = self._called(offset, data, own=True)
        self.turns += [called] if called is not None else []
        return called is not None

    def _called(self, offset: int, data: Mapping[str, Any], own: bool) -> Called | None:
        tool, status, declared = data.get("tool"), data.get("status"), data.get("effect")
        if not isinstance(tool, str) or status not in ("ok", "error", "unknown"):
            return None
        effect = self.effect(tool, declared if isinstance(declared, str) else None)
        action_id, result = data.get("action_id"), data.get("result")
        failed = status == "error" or (isinstance(result, str) and result.lower().startswith("error"))
        name = action_id if isinstance(action_id, str) else None
        return Called(offset, tool, name, data.get("arguments"), result, failed, effect == "write", own)

    def ended(self, offset: int, data: Mapping[str, Any]) -> bool:
        outcome = data.get("outcome")
        if not isinstance(outcome, str):
            return False
        self.ends.append(Ended(offset, outcome))
        return True

    def decided(self, offset: int, data: Mapping[str, Any]) -> bool:
        kind, verdict, reasons = data.get("kind"), data.get("verdict"), data.get("reasons")
        required = [kind, verdict]
        if not isinstance(reasons, list) or not all(isinstance(value, str) for value in required):
            return False
        if not all(isinstance(reason, Mapping) for reason in reasons):
            return False
        action_id = data.get("action_id")
        name = action_id if isinstance(action_id, str) else None
        self.decisions.append(Decided(offset, name, str(kind), str(verdict), tuple(reasons)))
        return True

    def handoff(self, offset: int, data: Mapping[str, Any]) -> bool:
        if data.get("kind") != "approval":  # the AI carries on once it was approved
            self.turns.append(Owned(offset, "human"))
        return True

    def closed(self, offset: int, data: Mapping[str, Any]) -> bool:
        if data.get("owner") == "ai":
            self.turns.append(Owned(offset, "ai"))
        return True


READERS: Mapping[str, Callable[[_Reading, int, Mapping[str, Any]], bool]] = {
    "handrail.query.received.v1": _Reading.query,
    "handrail.message.sent.v1": _Reading.message,
    "handrail.action.executed.v1": _Reading.executed,
    "handrail.customer.acted.v1": _Reading.acted,
    "handrail.execution.ended.v1": _Reading.ended,
    "handrail.decision.v1": _Reading.decided,
    "handrail.handoff.v1": _Reading.handoff,
    "handrail.handoff.closed.v1": _Reading.closed,
}
"""What each type of record adds; each gives whether the record could be read."""
