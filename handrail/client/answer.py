"""The answers to an agent's questions, and the permit to make a call."""

import time
from asyncio import Future
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.client.call import ProposedCall
from handrail.client.errors import Unusable
from handrail.schemas.outputs import Decision, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a query, an action or a response.

    Attributes
    ----------
    decision : Decision or None
        The decision; None in observe mode, which does not wait for it (`Agent.decided` does).
    record : mapping or None
        The same as it lies on the log, a CloudEvent with its signature: what a gate checks.
    """

    decision: Decision | None
    record: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    later: "Future[Decision | None] | None" = field(default=None, repr=False, compare=False)

    @property
    def allowed(self) -> bool:
        """Whether to go on: the verdict is `allow`, or the agent is only observed."""
        return self.decision is None or self.decision.verdict == "allow" or self.decision.enforcement == "observe"

    @property
    def route(self) -> Route:
        """Who answers the customer: `ai`, `ai_supervised` or `human`; `ai` where the agent is only observed."""
        if self.decision is None or self.decision.enforcement == "observe":
            return "ai"
        return self.decision.route

    @property
    def customer_message(self) -> str | None:
        """What may be said aloud, where something is not allowed."""
        return self.decision.customer_message if self.decision else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit(Answer):
    """One call may be made, once, until `use_before_s` (seconds of `time.monotonic`; None in observe mode).

    `replaces` is the `action_id` under which it was proposed first, where that permission came too late to act on and
    the SDK proposed it anew; `action_id` is the new one.
    """

    call: ProposedCall
    use_before_s: float | None
    replaces: str | None = None

    @property
    def action_id(self) -> str:
        """The action's id, as the log names it."""
        return self.call.action_id

    @property
    def tool(self) -> str:
        """What may be called."""
        return self.call.tool

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as they were judged: a copy. Run the call with these."""
        return self.call.arguments

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.use_before_s is not None and time.monotonic() >= self.use_before_s

    def check(self) -> None:
        """Return while the call may still be made. Raises Unusable."""
        if self.expired:
            raise Unusable(f"{self.tool}: the decision has expired: propose it under a new action_id", self.decision)
