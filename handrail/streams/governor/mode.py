"""How much an agent may do by itself: `control.agent.mode` and the breakers."""

from collections.abc import Sequence
from hashlib import sha256

from handrail.schemas.identity import identity, same
from handrail.streams.governor.state import AgentMode

AI, SUPERVISED, HUMAN = "ai", "supervised", "human"
MODES_MAX = 500  # of one partition; the oldest leaves


def in_share(conversation_id: str, share: float) -> bool:
    """Whether the conversation is in that share (0..1) of all; the same one always is or never."""
    return int.from_bytes(sha256(conversation_id.encode()).digest()[:6]) < share * 2**48


def effective(modes: Sequence[AgentMode], agent_id: str, tenant: str, intent: str, conversation_id: str) -> str:
    """The mode of the most specific entry (tenant and intents before agent alone), `ai` where there is none.

    Outside its share an entry says the opposite: what is not yet given to the AI stays supervised, and what is not
    yet taken from it stays with the AI.
    """
    best, rank = AI, -1
    agent, of_tenant = identity(agent_id), identity(tenant)
    for entry in modes:
        if identity(entry.agent_id) != agent or (entry.tenant and identity(entry.tenant) != of_tenant):
            continue
        if entry.intents and intent not in entry.intents:
            continue
        found = 2 * bool(entry.intents) + bool(entry.tenant)
        if found >= rank:
            inside = entry.share >= 1 or in_share(conversation_id, entry.share)
            best, rank = entry.mode if inside else (SUPERVISED if entry.mode == AI else AI), found
    return best


def with_mode(modes: Sequence[AgentMode], entry: AgentMode) -> list[AgentMode]:
    """The modes with this entry in place of the one for the same agent, tenant and intents."""
    others = [other for other in modes if not _of_the_same(other, entry)]
    return [*others, entry][-MODES_MAX:]


def _of_the_same(one: AgentMode, other: AgentMode) -> bool:
    return one.intents == other.intents and same(one.agent_id, other.agent_id) and same(one.tenant, other.tenant)
