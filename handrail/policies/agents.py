"""`agents.yaml`: who may speak, for whom, whether the agent is held, and whose word counts as history or a person's.

agents:
  refunds: {enforcement: observe, sources: [/agents/refunds], tenants: [default]}
recorded_sources: [/import/tau/*]
human_sources: [/crm/chat]

A source is named in full, or by its beginning with a `*` at the end. Names of agents and tenants are compared folded
(schemas/identity.py), sources as they are written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from handrail.policies.mistakes import Mistakes, shown
from handrail.policies.shape import at, choice, identities, known_keys, mapping, named_once, texts
from handrail.schemas.identity import identity

AGENTS_MAX = 10_000
LISTS = ("recorded_sources", "human_sources")
_EXAMPLE = "{refunds: {enforcement: enforce}}"


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources by name, or by their beginning (`/import/*`); an empty one has none."""

    names: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()

    def __contains__(self, source: str) -> bool:
        return source in self.names or source.startswith(self.beginnings)

    def __bool__(self) -> bool:
        return bool(self.names or self.beginnings)

    def listed(self) -> list[str]:
        """As a file would list them."""
        return sorted([*self.names, *(f"{beginning}*" for beginning in self.beginnings)])

    @classmethod
    def of(cls, listed: Iterable[str]) -> "Sources":
        """As a file lists them."""
        names = list(listed)
        return cls(
            frozenset(name for name in names if not name.endswith("*")),
            tuple(name.removesuffix("*") for name in names if name.endswith("*")),
        )


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """One agent. Empty `sources` and `tenants` mean any. In `observe` it gets decisions, marked, and is never held.

    `tenants` are folded.
    """

    enforcement: Literal["enforce", "observe"] = "enforce"
    sources: Sources = Sources()
    tenants: frozenset[str] = frozenset()


UNLISTED = AgentEntry()


@dataclass(frozen=True, slots=True)
class AgentsFile:
    """What the file says. `agents` by their folded ids.

    `recorded` are the sources whose `recorded: true` counts, `humans` those whose `role: human_agent` does.
    """

    agents: Mapping[str, AgentEntry] = field(default_factory=dict)
    recorded: Sources = Sources()
    humans: Sources = Sources()


def read_agents(value: Any, mistakes: Mistakes) -> AgentsFile:
    """The agents of a parsed file, and whose words count as more than an agent's."""
    root = mapping(value, "", mistakes, f"agents: {_EXAMPLE}")
    known_keys(root, "", ("agents", *LISTS), mistakes)
    recorded, humans = (_sources(root[key], key, mistakes) if key in root else Sources() for key in LISTS)
    without: dict[str, Any] | None = {} if isinstance(value, dict) and any(key in root for key in LISTS) else None
    named = mapping(root.get("agents", without), "agents", mistakes, _EXAMPLE)
    if len(named) > AGENTS_MAX:
        mistakes.add("agents", f"has {len(named)} agents: write at most {AGENTS_MAX}")
        return AgentsFile()
    named_once(named, "agents", mistakes)
    entries = {identity(name): _entry(settings, at("agents", name), mistakes) for name, settings in named.items()}
    return AgentsFile(entries, recorded, humans)


def _entry(value: Any, path: str, mistakes: Mistakes) -> AgentEntry:
    settings = mapping(value, path, mistakes, "{enforcement: enforce}")
    known_keys(settings, path, ("enforcement", "sources", "tenants"), mistakes)
    enforcement: Any = choice(
        settings.get("enforcement", "enforce"), at(path, "enforcement"), ("enforce", "observe"), mistakes
    )
    sources = _sources(settings["sources"], at(path, "sources"), mistakes) if "sources" in settings else Sources()
    tenants = identities(settings["tenants"], at(path, "tenants"), mistakes) if "tenants" in settings else frozenset()
    return AgentEntry(enforcement or "enforce", sources, tenants)


def _sources(value: Any, path: str, mistakes: Mistakes) -> Sources:
    listed = texts(value, path, mistakes)
    for index, source in enumerate(listed):
        if "*" in source[:-1]:
            mistakes.add(f"{path}[{index}]", f"may have a * at its end only, got {shown(source)}")
    return Sources.of(listed)
