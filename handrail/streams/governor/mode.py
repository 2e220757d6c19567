"""How much an agent may do by itself: `control.agent.mode`, and what a bypass makes of it.

The order is that of the log: an entry of a person after a bypass lifts it for what the entry covers.
"""

from collections.abc import Sequence
from hashlib import sha256

from handrail.schemas.identity import identity, same
from handrail.streams.governor.state import AgentMode

AI, SUPERVISED, HUMAN = "ai", "supervised", "human"
BYPASS = "bypass"
MODES_MAX = 500  # of one partition; the oldest leaves


def in_share(conversation_id: str, share: float) -> bool:
    """Whether the conversation is in that share (0..1) of all; the same one always is or never."""
    return int.from_bytes(sha256(conversation_id.encode()).digest()[:6]) < share * 2**48


def effective(modes: Sequence[AgentMode], agent_id: str, tenant: str, intent: str, conversation_id: str) -> str:
    """The mode of the most specific entry (tenant and intents before agent alone), `ai` where there is none.

    Outside its share an entry says the opposite: what is not yet given to the AI stays supervised, and what is not
    yet taken from it stays with the AI. Since a bypass the agent is supervised at least, until a person has spoken of
    what is asked for here.
    """
    best, rank, bypassed = AI, -1, False
    agent, of_tenant = identity(agent_id), identity(tenant)
    for entry in modes:
        if identity(entry.agent_id) != agent or (entry.tenant and identity(entry.tenant) != of_tenant):
            continue
        if entry.intents and intent not in entry.intents:
            continue
        bypassed = entry.bypass
        if bypassed:
            continue
        specificity = 2 * bool(entry.intents) + bool(entry.tenant)
        if specificity >= rank:
            inside = entry.share >= 1 or in_share(conversation_id, entry.share)
            best, rank = entry.mode if inside else (SUPERVISED if entry.mode == AI else AI), specificity
    return SUPERVISED if bypassed and best == AI else best


def with_mode(modes: Sequence[AgentMode], entry: AgentMode) -> list[AgentMode]:
    """The modes with a person's entry in place of their earlier one of the same agent, tenant and intents.

    Where the entry is for the agent as a whole, no earlier bypass counts any more.
    """
    of_agent = not (entry.tenant or entry.intents)
    others = [
        other
        for other in modes
        if not (_of_the_same(other, entry) or (of_agent and other.bypass and same(other.agent_id, entry.agent_id)))
    ]
    return _bounded([*others, entry])


def with_bypass(modes: list[AgentMode], agent_id: str, seen_ms: int) -> list[AgentMode]:
    """The modes with the agent under supervision; the same list where that changes nothing.

    A person's entry since then follows it, and so lifts it.
    """
    own = [entry for entry in modes if same(entry.agent_id, agent_id)]
    since = [entry for entry in own if entry.told_ms > seen_ms and not entry.bypass]
    if (own and own[-1].bypass) or any(not (entry.tenant or entry.intents) for entry in since):
        return modes
    others = [entry for entry in modes if not (entry.bypass and same(entry.agent_id, agent_id))]
    at = others.index(since[0]) if since else len(others)
    entry = AgentMode(agent_id, SUPERVISED, reason=BYPASS, told_ms=seen_ms, bypass=True)
    return _bounded([*others[:at], entry, *others[at:]])


def _bounded(modes: list[AgentMode]) -> list[AgentMode]:
    """The oldest leaves; what people said last, for anybody may make up names of agents."""
    if len(modes) > MODES_MAX:
        del modes[next((at for at, entry in enumerate(modes[:-1]) if entry.bypass), 0)]
    return modes


def _of_the_same(entry: AgentMode, other: AgentMode) -> bool:
    return (
        entry.bypass == other.bypass
        and entry.intents == other.intents
        and same(entry.agent_id, other.agent_id)
        and same(entry.tenant, other.tenant)
    )
