"""Handbacks: a person is done with a handoff, as events of two topics say. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

RESOLUTION = "handrail.resolution.v1"
CLOSED = "handrail.handoff.closed.v1"
OUTCOMES = ("returned", "resolved")


@dataclass(frozen=True, slots=True)
class Handback:
    """What a person did with a handoff.

    Attributes
    ----------
    handoff_id : str
        The handoff's id.
    outcome : str
        `returned`: given back, see `owner`. `resolved`: it is settled, and the person keeps the conversation.
    by : str
        The person's id.
    note : str or None
        What the next owner should know.
    labels : object
        Words for the analysts, as they were given.
    owner : str
        Who has the conversation now: `human` after `resolved`, and after `returned` where another handoff of it is open
        for which a person has it, or where it was halted. The AI's answers are blocked then.
    """

    handoff_id: str
    outcome: Literal["returned", "resolved"]
    by: str
    note: str | None = None
    labels: Any = None
    owner: Literal["ai", "human"] = "ai"


class HandbackTracker:
    """Handoffs of one conversation that are waited for; `handback` is the first that a person is done with.

    An answer counts when the governor has closed its handoff for it: from then on proposals are judged anew. The order
    of the two events does not matter, nor how often they are read.
    """

    def __init__(self, handoffs: Collection[str]) -> None:
        self._handoffs = frozenset(handoffs)
        self._answers: dict[str, Handback] = {}
        self._owners: dict[str, Literal["ai", "human"]] = {}
        self.handback: Handback | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event of the conversation, of either topic, as decoded."""
        data = event["data"]
        handoff_id = data.get("handoff_id")
        if handoff_id not in self._handoffs:
            return
        if event["type"] == RESOLUTION and data["outcome"] in OUTCOMES:
            answer = Handback(handoff_id, data["outcome"], data["by"]["id"], data.get("note"), data.get("labels"))
            self._answers.setdefault(handoff_id, answer)
        elif event["type"] == CLOSED and data["cause"] == "resolved":
            self._owners[handoff_id] = data["owner"]
        if self.handback is None and handoff_id in self._owners and handoff_id in self._answers:
            self.handback = replace(self._answers[handoff_id], owner=self._owners[handoff_id])
