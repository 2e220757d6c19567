"""Where a field of a rule is found: names of the contract first, then the tool's fields and facts, then the rest."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeAlias

from handrail.policies.names import MISSING, resolve
from handrail.policies.subject import Subject
from handrail.policies.tools import ToolEntry

Getter: TypeAlias = Callable[[Subject], Any]
"""The value of a field in a subject, or MISSING."""

ROOTS = frozenset({"arguments", "attributes", "customer", "usage", "classification", "data"})
"""First parts that say where the rest of a path lies."""

BARE_ROOT: dict[str, str] = {
    "handrail.query.received.v1": "attributes",
    "handrail.action.proposed.v1": "arguments",
    "handrail.action.executed.v1": "arguments",
    "handrail.response.proposed.v1": "data",
    "handrail.llm.proposed.v1": "data",
    "handrail.llm.completed.v1": "data",
}
"""The events that rules can judge, and where a bare name lies that nobody else knows."""

_EVERYWHERE: dict[str, str] = {
    **dict.fromkeys(("conversation_id", "execution_id", "parent_execution_id", "agent_version", "recorded"), "data"),
    **dict.fromkeys(
        ("steps", "steps_max", "cost_usd", "cost_usd_max", "unpriced_tokens", "loop_run", "loop_max"), "usage"
    ),
    **dict.fromkeys(("intent", "topic", "risk", "complexity", "wants_human"), "classification"),
}
_OF_ACTIONS = dict.fromkeys(("action_id", "effect"), "data")
_OF_EVENT: dict[str, dict[str, str]] = {
    "handrail.query.received.v1": {
        **dict.fromkeys(("text", "channel", "locale"), "data"),
        "confidence": "classification",
    },
    "handrail.action.proposed.v1": _OF_ACTIONS,
    "handrail.action.executed.v1": _OF_ACTIONS | dict.fromkeys(("status", "result", "error", "decision_id"), "data"),
}
_DIRECT: dict[str, str] = {"tool": "tool", "tool_name": "tool", "agent_id": "agent_id", "tenant": "tenant"}


def is_tool(parts: tuple[str, ...]) -> bool:
    """Whether a path names the tool itself; `tool_name` is how published local files write it."""
    return len(parts) == 1 and _DIRECT.get(parts[0]) == "tool"


def getter(parts: tuple[str, ...], event_type: str, entry: ToolEntry | None) -> Getter:
    """How to find the field in subjects of this event type and tool."""
    head = parts[0]
    if head in ROOTS:
        return _under(head, parts[1:])
    if len(parts) == 1 and head in _DIRECT:
        return _direct(_DIRECT[head])
    if head == "model":
        return _under("data", parts) if len(parts) > 1 else _model_name
    root = _OF_EVENT.get(event_type, {}).get(head) or _EVERYWHERE.get(head)
    if root is not None:
        return _under(root, parts)
    return _of_tool(parts, entry) or _under(BARE_ROOT[event_type], parts)


def _of_tool(parts: tuple[str, ...], entry: ToolEntry | None) -> Getter | None:
    """A name that `tools.yaml` maps means only what it is mapped to: never the agent's words of the same name."""
    name = ".".join(parts)
    if entry is None:
        return None
    if name in entry.fields:
        root, *rest = entry.fields[name]
        return _under(root, tuple(rest))
    return _fact(name) if name in entry.facts else None


def _direct(attribute: str) -> Getter:
    read = attrgetter(attribute)

    def get(subject: Subject) -> Any:
        value = read(subject)
        return MISSING if value is None else value

    return get


def _under(root: str, parts: tuple[str, ...]) -> Getter:
    if root == "arguments" and len(parts) == 1:
        return _argument(parts[0])
    read = attrgetter(root)
    if not parts:
        return read
    if len(parts) > 1:
        return lambda subject: resolve(parts, read(subject))
    name = parts[0]
    return lambda subject: read(subject).get(name, MISSING)


def _argument(name: str) -> Getter:
    return lambda subject: subject.arguments.get(name, MISSING)


def _fact(name: str) -> Getter:
    return lambda subject: subject.facts.get(name, MISSING)


def _model_name(subject: Subject) -> Any:
    model = subject.data.get("model", MISSING)
    return model.get("name", MISSING) if isinstance(model, Mapping) else model
