"""A policy as it was read: rules, their scope, and what is done where none of them fires."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from handrail.policies.condition import Condition
from handrail.policies.names import ToolNames
from handrail.policies.subject import Action, Mode
from handrail.policies.template import Template
from handrail.schemas.event_types import ACTION_PROPOSED
from handrail.schemas.identity import identity


@dataclass(frozen=True, slots=True)
class Scope:
    """What is judged. None means all; `stated` is whether the file says `applies_to`. Agents and tenants are folded."""

    events: frozenset[str] = frozenset({ACTION_PROPOSED})
    tools: ToolNames | None = None
    agents: frozenset[str] | None = None
    tenants: frozenset[str] | None = None
    stated: bool = False

    def covers(self, event_type: str, tool: str | None, agent_id: str, tenant: str) -> bool:
        """Whether a proposal is judged."""
        return (
            event_type in self.events
            and (self.tools is None or self.tools(tool))
            and (self.agents is None or identity(agent_id) in self.agents)
            and (self.tenants is None or identity(tenant) in self.tenants)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `missing_matches`: unknown through missing fields alone counts as yes.

    `mapped_matches`: it does where `tools.yaml` says of one of them that the tool has it.
    """

    id: str
    condition: Condition
    action: Action
    mode: Mode
    scope: Scope
    missing_matches: bool
    mapped_matches: bool
    message: Template | None = None
    customer_message: Template | None = None
    on_block: Literal["escalate", "refuse"] | None = None
    approvals_needed: int = 1
    tags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """One file. `default_action` speaks where `scope` covers a proposal and no rule fired."""

    id: str
    file: str
    name: str
    default_action: Action
    mode: Mode
    scope: Scope
    rules: tuple[Rule, ...]
