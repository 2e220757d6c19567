"""A proposed call, the digest that binds a decision to exactly this one, and the ids under which it is proposed."""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from handrail.client.event import Event
from handrail.schemas.action import action_digest, canonical_tool
from handrail.schemas.canonical import canonical
from handrail.schemas.outputs import Decision

RESPONSE: Final = "response"
Effect = Literal["read", "write"]

_RENEWED = re.compile(r"(?s)(.+?)~renewed-([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class ProposedCall:
    """One action or answer as it was proposed. An answer is a call of `response` with its text."""

    action_id: str
    tool: str
    arguments: dict[str, Any]
    effect: Effect | None = None


def digest_of(call: ProposedCall, event: Event, tenant: str) -> str:
    """What `action_digest` of a decision about this call must be (contract, section 3)."""
    return action_digest(
        tenant=tenant,
        agent_id=event.data["agent_id"],
        conversation_id=event.conversation_id,
        execution_id=event.data["execution_id"],
        action_id=call.action_id,
        tool=canonical_tool(call.tool),
        arguments=canonical(call.arguments),
    )


def mismatch(decision: Decision, call: ProposedCall, event: Event) -> str | None:
    """How the decision differs from the call that was proposed, or None where it is for this call."""
    proposed = (event.data["agent_id"], event.conversation_id, event.data["execution_id"], call.action_id)
    decided = (decision.agent_id, decision.conversation_id, decision.execution_id, decision.action_id)
    if proposed != decided:
        return f"it is for {' '.join(map(str, decided))}, not for {' '.join(proposed)}"
    tenant = event.data.get("tenant", decision.tenant)
    if tenant != decision.tenant:
        return f"the conversation belongs to tenant {decision.tenant!r}, not {tenant!r}"
    if decision.action_digest != digest_of(call, event, tenant):
        return "its action_digest is that of another tool or of other arguments"
    return None


def next_action_id(action_id: str) -> str:
    """The id under which an action is proposed anew because its permission came too late: the same after a restart.

    `a7` becomes `a7~renewed-2`, then `a7~renewed-3`. All of them are one action: a gate lets one of them through, once.
    """
    match = _RENEWED.fullmatch(action_id)
    if match is None:
        return f"{action_id}~renewed-2"
    return f"{match[1]}~renewed-{int(match[2]) + 1}"


def first_action_id(action_id: str) -> str:
    """The id under which the action was proposed first."""
    match = _RENEWED.fullmatch(action_id)
    return action_id if match is None else match[1]
