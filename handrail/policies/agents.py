"""`agents.yaml`: who may speak, for whom, and whether the agent is held.

agents:
  refunds: {enforcement: observe, sources: [/agents/refunds], tenants: [default]}
"""

from dataclasses import dataclass
from typing import Any, Literal

from handrail.policies.mistakes import Mistakes
from handrail.policies.shape import at, choice, known_keys, mapping, texts

AGENTS_MAX = 10_000
_EXAMPLE = "{refunds: {enforcement: enforce}}"


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """One agent. Empty `sources` and `tenants` mean any. In `observe` it gets decisions, marked, and is never held."""

    enforcement: Literal["enforce", "observe"] = "enforce"
    sources: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()


UNLISTED = AgentEntry()


def read_agents(value: Any, mistakes: Mistakes) -> dict[str, AgentEntry]:
    """The agents of a parsed file, by agent id."""
    root = mapping(value, "", mistakes, f"agents: {_EXAMPLE}")
    known_keys(root, "", ("agents",), mistakes)
    named = mapping(root.get("agents"), "agents", mistakes, _EXAMPLE)
    if len(named) > AGENTS_MAX:
        mistakes.add("agents", f"has {len(named)} agents: write at most {AGENTS_MAX}")
        return {}
    return {name: _entry(settings, at("agents", name), mistakes) for name, settings in named.items()}


def _entry(value: Any, path: str, mistakes: Mistakes) -> AgentEntry:
    settings = mapping(value, path, mistakes, "{enforcement: enforce}")
    known_keys(settings, path, ("enforcement", "sources", "tenants"), mistakes)
    enforcement: Any = choice(
        settings.get("enforcement", "enforce"), at(path, "enforcement"), ("enforce", "observe"), mistakes
    )
    lists = {key: texts(settings[key], at(path, key), mistakes) for key in ("sources", "tenants") if key in settings}
    return AgentEntry(enforcement or "enforce", **lists)
