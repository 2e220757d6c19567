"""A proposed call, and the digest that binds a decision to exactly this one."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from handrail.client.event import Event
from handrail.schemas.action import action_digest, canonical_tool
from handrail.schemas.canonical import canonical
from handrail.schemas.outputs import Decision

RESPONSE: Final = "response"
Effect = Literal["read", "write"]


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
    """What a decision says otherwise than the call that was proposed, or None where it is for this call."""
    told = (event.data["agent_id"], event.conversation_id, event.data["execution_id"], call.action_id)
    named = (decision.agent_id, decision.conversation_id, decision.execution_id, decision.action_id)
    if told != named:
        return f"it is for {' '.join(map(str, named))}, not for {' '.join(told)}"
    tenant = event.data.get("tenant", decision.tenant)
    if tenant != decision.tenant:
        return f"the conversation belongs to tenant {decision.tenant!r}, not {tenant!r}"
    if decision.action_digest != digest_of(call, event, tenant):
        return "its action_digest is that of another tool or of other arguments"
    return None
