"""Where a field of a rule is found: names of the contract first, then the tool's fields and facts, then the rest."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from handrail.policies.names import MISSING, Unreadable, resolve
from handrail.policies.subject import Subject, fact_key
from handrail.policies.tools import ToolEntry
from handrail.schemas.event_types import (
    ACTION_EXECUTED,
    ACTION_PROPOSED,
    LLM_COMPLETED,
    LLM_PROPOSED,
    QUERY_RECEIVED,
    RESPONSE_PROPOSED,
)

Getter: TypeAlias = Callable[[Subject], Any]
"""The value of a field in a subject, MISSING, or an Unreadable."""


class Place(NamedTuple):
    """An attribute of Subject, and the path inside it; `key` is where the key of a fact by key lies.

    `absent` where `tools.yaml` says that the tool has this field: what to say where it is missing.
    """

    root: str
    path: tuple[str, ...] = ()
    absent: str | None = None
    key: "Place | None" = None

    @property
    def mapped(self) -> bool:
        """Whether `tools.yaml` says that the tool has this field."""
        return self.absent is not None


EFFECT = "effect"
"""The one place that is no attribute of Subject: it takes the bundle and the event."""

ROOTS = frozenset({"arguments", "attributes", "customer", "usage", "classification", "data"})
"""First parts that say where the rest of a path lies."""

_EVERYWHERE: dict[str, str] = {
    **dict.fromkeys(("conversation_id", "execution_id", "parent_execution_id", "agent_version", "recorded"), "data"),
    **dict.fromkeys(
        (
            "steps",
            "steps_max",
            "cost_usd",
            "cost_usd_max",
            "unpriced_tokens",
            "unknown_calls",
            "loop_run",
            "loop_max",
        ),
        "usage",
    ),
    **dict.fromkeys(("intent", "topic", "risk", "complexity", "wants_human"), "classification"),
}


class RuleEvent(NamedTuple):
    """What rules read of one event type.

    `bare_root` is where a bare name lies that nobody else knows, `names` where those of this event lie. `judged`: rules
    judge it, since the agent asks and waits. What is reported afterwards is judged by none; facts and sums read of it.
    """

    bare_root: str
    judged: bool = False
    names: Mapping[str, str] = {}


EVENTS: dict[str, RuleEvent] = {
    QUERY_RECEIVED: RuleEvent(
        "attributes",
        judged=True,
        names={**dict.fromkeys(("text", "channel", "locale"), "data"), "confidence": "classification"},
    ),
    ACTION_PROPOSED: RuleEvent("arguments", judged=True, names={"action_id": "data"}),
    ACTION_EXECUTED: RuleEvent(
        "arguments", names=dict.fromkeys(("action_id", "status", "result", "error", "decision_id"), "data")
    ),
    RESPONSE_PROPOSED: RuleEvent("data", judged=True),
    LLM_PROPOSED: RuleEvent("data", judged=True),
    LLM_COMPLETED: RuleEvent("data"),
}
"""The events that conditions can read."""

JUDGED = tuple(event_type for event_type, event in EVENTS.items() if event.judged)

CHILDREN: dict[str, frozenset[str]] = {
    root: frozenset(name for name, lies in _EVERYWHERE.items() if lies == root) for root in ("usage", "classification")
}
CHILDREN["classification"] |= {"confidence", "model"}
"""What lies in these roots, and nothing else."""

_DIRECT: dict[str, str] = {"tool": "tool", "tool_name": "tool", "agent_id": "agent_id", "tenant": "tenant"}


NAMES = frozenset(
    {*_EVERYWHERE, *_DIRECT, *(name for event in EVENTS.values() for name in event.names), "effect", "model"}
)
"""Names without a root that the contract knows."""


def is_id(parts: tuple[str, ...]) -> bool:
    """Whether a path names the agent or the tenant, which are compared folded."""
    return parts[-1:] in (("agent_id",), ("tenant",)) and parts[:-1] in ((), ("data",))


def is_tool(parts: tuple[str, ...]) -> bool:
    """Whether a path names the tool itself; `tool_name` is how published local files write it."""
    return len(parts) == 1 and _DIRECT.get(parts[0]) == "tool"


def place(parts: tuple[str, ...], event_type: str, entry: ToolEntry | None) -> Place:
    """Where a field lies in subjects of this event type and tool."""
    head, event = parts[0], EVENTS[event_type]
    if head in ROOTS:
        return Place(head, parts[1:])
    if len(parts) == 1 and head in _DIRECT:
        return Place(_DIRECT[head])
    if parts == ("effect",) and event.bare_root == "arguments":
        return Place(EFFECT, (entry.effect if entry else "unknown",))
    if head == "model":
        return Place("data", parts if len(parts) > 1 else ("model", "name"))
    root = event.names.get(head) or _EVERYWHERE.get(head)
    if root is not None:
        return Place(root, parts)
    return _of_tool(".".join(parts), entry) or Place(event.bare_root, parts)


def _of_tool(name: str, entry: ToolEntry | None) -> Place | None:
    """A name that `tools.yaml` maps means only what it is mapped to: never the agent's words of the same name."""
    if entry is None:
        return None
    if name in entry.fields:
        root, *path = entry.fields[name]
        return Place(
            root, tuple(path), f"tools.yaml says that it is {'.'.join(entry.fields[name])}, which is not there"
        )
    fact = entry.facts.get(name)
    if fact is None or fact.key is None:
        return None if fact is None else Place("facts", (name,))
    root, *path = entry.key_path(fact.key)
    absent = f"no result of {fact.source} for this {'.'.join(fact.key)} is known"
    return Place("facts_by_key", (name,), absent, Place(root, tuple(path)))


def reader(where: Place) -> Getter:
    """How to read what lies at a place."""
    root, parts, _, key = where
    if key is not None:
        return _by_key(parts[0], reader(key))
    if root == EFFECT:
        return _effect(parts[0])
    read = attrgetter(root)
    if len(parts) == 1 and root != "attributes":  # of which the contract says only in queries that they are named
        name = parts[0]
        return lambda subject: read(subject).get(name, MISSING)
    if parts:
        return _in_path(root, parts)
    return lambda subject: MISSING if (value := read(subject)) is None else value


def _by_key(name: str, key: Getter) -> Getter:
    def get(subject: Subject) -> Any:
        named = fact_key(name, key(subject))
        return MISSING if named is None else subject.facts_by_key.get(named, MISSING)

    return get


def _in_path(root: str, parts: tuple[str, ...]) -> Getter:
    read = attrgetter(root)

    def get(subject: Subject) -> Any:
        value = resolve(parts, read(subject))
        return Unreadable((root, *value.at), value.met, value.part) if type(value) is Unreadable else value

    return get


def _effect(known: str) -> Getter:
    """What `tools.yaml` knows; what the agent declares can only raise it."""
    return lambda subject: "write" if subject.data.get("effect") == "write" else known
