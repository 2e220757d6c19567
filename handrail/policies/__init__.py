"""The policy language: files in, one immutable bundle out, and its judgement of each proposal."""

from handrail.policies.agents import AgentEntry
from handrail.policies.bundle import SEMANTICS, Bundle, compile_bundle
from handrail.policies.folder import load_bundle
from handrail.policies.limits import Limits
from handrail.policies.names import MISSING, resolve
from handrail.policies.prices import Price
from handrail.policies.routing import RouteRule
from handrail.policies.subject import Evaluation, RuleFinding, Skipped, Subject
from handrail.schemas.action import canonical_tool

__all__ = [
    "MISSING",
    "SEMANTICS",
    "AgentEntry",
    "Bundle",
    "Evaluation",
    "Limits",
    "Price",
    "RouteRule",
    "RuleFinding",
    "Skipped",
    "Subject",
    "canonical_tool",
    "compile_bundle",
    "load_bundle",
    "resolve",
]
