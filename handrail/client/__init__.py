"""What an agent imports: ask before acting, wait for the decision, and keep to it. Needs the base install only."""

from handrail.client.agent import Agent
from handrail.client.answer import Answer, Permit
from handrail.client.blocking import BlockingAgent
from handrail.client.client import Client
from handrail.client.errors import (
    AlreadyClaimed,
    Blocked,
    GateClosed,
    GateRefused,
    GovernanceError,
    Halted,
    NeedsApproval,
    NoDecision,
    NotRecorded,
    Unreachable,
    Unusable,
)
from handrail.client.gate import Gate
from handrail.client.handback import Handback
from handrail.schemas.errors import ConfigError, HandrailError, SchemaError
from handrail.schemas.outputs import Decision

__all__ = [
    "Agent",
    "AlreadyClaimed",
    "Answer",
    "Blocked",
    "BlockingAgent",
    "Client",
    "ConfigError",
    "Decision",
    "Gate",
    "GateClosed",
    "GateRefused",
    "GovernanceError",
    "Halted",
    "Handback",
    "HandrailError",
    "NeedsApproval",
    "NoDecision",
    "NotRecorded",
    "Permit",
    "SchemaError",
    "Unreachable",
    "Unusable",
]
