"""A person is done with a conversation that was handed over: what they said, from two topics. Pure."""

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
        Which one.
    outcome : str
        `returned`: given back, see `owner`. `resolved`: it is settled, and the person keeps the conversation.
    by : str
        The person's id.
    note : str or None
        What the next one should know.
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


class HandbackReader:
    """Handoffs of one conversation that are waited for; `back` is the first of them that a person is done with.

    An answer counts when the governor has closed its handoff for it: from then on what is asked is judged anew. Which
    of the two is read first does not matter, nor how often.
    """

    def __init__(self, handoffs: Collection[str]) -> None:
        self._handoffs = frozenset(handoffs)
        self._answers: dict[str, Handback] = {}
        self._owners: dict[str, Literal["ai", "human"]] = {}
        self.back: Handback | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """One event of the conversation, of either topic, as decoded."""
        data = event["data"]
        name = data.get("handoff_id")
        if name not in self._handoffs:
            return
        if event["type"] == RESOLUTION and data["outcome"] in OUTCOMES:
            told = Handback(name, data["outcome"], data["by"]["id"], data.get("note"), data.get("labels"))
            self._answers.setdefault(name, told)
        elif event["type"] == CLOSED and data["cause"] == "resolved":
            self._owners[name] = data["owner"]
        if self.back is None and name in self._owners and name in self._answers:
            self.back = replace(self._answers[name], owner=self._owners[name])
