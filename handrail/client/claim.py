"""A claim: the one use of a decision at a gate, and the request to make one."""

from dataclasses import dataclass, field
from typing import Any

from handrail.schemas.clock import to_rfc3339


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """One decision that is to be acted on now. `expires_ms` None: it has no end; `made_ms`: made then or later.

    `action_digest` is that of the action under its first id (`first_action_id`): all its ids are one claim.
    """

    decision_id: str
    action_digest: str
    conversation_id: str
    tool: str
    expires_ms: int | None
    made_ms: int
    arguments: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # as they were checked


@dataclass(frozen=True, slots=True)
class Claim:
    """A decision that was acted on, or is being. `outcome` is `ok`, `error`, or None where it is not known.

    Times in milliseconds since 1970-01-01 UTC by this machine's clock; `claimed_by` is `process@host`.
    """

    decision_id: str
    conversation_id: str
    tool: str
    claimed_ms: int
    claimed_by: str
    ended_ms: int | None
    outcome: str | None

    def __str__(self) -> str:
        began = f"{self.tool} was begun at {to_rfc3339(self.claimed_ms)} by {self.claimed_by}"
        if self.ended_ms is None:
            return f"{began}, and nobody has said how it ended: see whether it took effect before doing it again"
        return f"{began} and ended at {to_rfc3339(self.ended_ms)} ({self.outcome})"
