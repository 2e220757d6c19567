"""Whether an agent's entry in `agents.yaml` lets this source act as the agent, and for this tenant."""

from collections.abc import Mapping
from typing import Any

from handrail.policies import Bundle
from handrail.policies.agents import UNLISTED
from handrail.schemas.identity import identity
from handrail.streams.governor.finding import BLOCK, Finding
from handrail.streams.governor.fold_context import FoldContext

SOURCE, TENANT = "agent.source", "agent.tenant"


def standing_of(bundle: Bundle, agent_id: str, source: str, tenant: str, data: Mapping[str, Any]) -> tuple[bool, str]:
    """(whether the agent is only observed, the code of what its entry does not list or an empty one).

    `data` is the event's data: where it names no agent, any source may bring it. `tenant` is
    the conversation's; one that the event names beside it has to be listed too.
    """
    entry = bundle.agent(agent_id)
    if entry is UNLISTED:
        return False, ""
    listed = not entry.sources or source in entry.sources
    serves = not entry.tenants or entry.tenants.issuperset(
        (identity(tenant), identity(data.get("tenant") or tenant)),
    )
    stranger = SOURCE if not listed and data.get("agent_id") else "" if serves else TENANT
    return entry.enforcement == "observe" and listed and serves, stranger


def stranger(context: FoldContext) -> Finding | None:
    """A source may not act as an agent, nor for a tenant, unless the agent's entry lists it."""
    if not context.stranger:
        return None
    if context.stranger == SOURCE:
        what, evidence = f"source {context.source}", {"field": "source", "value": context.source}
    else:
        tenant = context.data.get("tenant") or context.tenant
        what, evidence = f"tenant {tenant}", {"field": "tenant", "value": tenant}
    message = f"The entry of agent {context.agent_id} in agents.yaml does not list {what}."
    return Finding(context.stranger, BLOCK, message, evidence, escalate=False)


def is_recorded(bundle: Bundle, source: str, data: Mapping[str, Any]) -> bool:
    """Whether the event is imported history: it is marked `recorded`, and the bundle names its source for that."""
    return bool(data.get("recorded")) and source in bundle.recorded_sources
