"""A conversation with a scripted model in place of the LLM, the same for every framework."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from handrail.client import Agent
from tests.adapters.shop import Shop

MODEL = "gpt-4.1-mini"
INPUT_TOKENS, OUTPUT_TOKENS = 900, 60  # what each call of the scripted model says it used

Turn = str | list[tuple[str, dict[str, Any]]]


@dataclass
class Talk:
    """What the model says turn by turn: an answer, or the calls that it wants. `read` is what it got for its calls.

    `turns` is how often the model was called.
    """

    script: list[Turn]
    read: list[str] = field(default_factory=list)
    turns: int = 0
    said: str | None = None

    def next(self) -> Turn:
        """The model's next turn."""
        self.turns += 1
        assert self.turns <= len(self.script), f"the model was called again after {self.read}"
        return self.script[self.turns - 1]


Converse = Callable[[Agent, Shop, Talk], Awaitable[None]]


@dataclass(frozen=True)
class Conversation:
    """A way to hold the scripted conversation. `answers`: the adapter proposes the answer too."""

    converse: Converse
    answers: bool = True
