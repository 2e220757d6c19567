"""`applies_to`: which agents, tools, events and tenants a policy or a rule judges."""

from dataclasses import replace
from typing import Any

from handrail.policies.lookup import EVENTS as READABLE
from handrail.policies.lookup import JUDGED
from handrail.policies.mistakes import Mistakes, instead
from handrail.policies.names import tool_matcher
from handrail.policies.policy import Scope
from handrail.policies.shape import at, identities, known_keys, mapping, texts
from handrail.schemas.event_types import ACTION_PROPOSED, LLM_PROPOSED, QUERY_RECEIVED, full_name, short_name

KEYS = ("agents", "tools", "events", "tenants")
EVENTS = {short_name(event_type): event_type for event_type in JUDGED}
ACTION_TYPES = {
    "tool_call": ACTION_PROPOSED,
    "llm_call": LLM_PROPOSED,
    "agent_execution": QUERY_RECEIVED,
}
"""The words of the published files, and the events that they mean here."""


def read_scope(value: Any, path: str, outer: Scope, mistakes: Mistakes) -> Scope:
    """The scope of `applies_to`; a key that it leaves out is taken from `outer`."""
    keys = mapping(value, path, mistakes, "{tools: [refund]}")
    known_keys(keys, path, KEYS, mistakes)
    if value == {}:
        mistakes.add(path, "is empty: name agents, tools, events or tenants, or leave it out")
    named = {key: texts(keys[key], at(path, key), mistakes) for key in ("tools", "events") if key in keys}
    folded = {key: identities(keys[key], at(path, key), mistakes) for key in ("agents", "tenants") if key in keys}
    return replace(
        outer,
        stated=True,
        events=_events(named["events"], at(path, "events"), mistakes) if "events" in named else outer.events,
        tools=tool_matcher(named["tools"]) if "tools" in named else outer.tools,
        agents=folded.get("agents", outer.agents),
        tenants=folded.get("tenants", outer.tenants),
    )


def _events(names: tuple[str, ...], path: str, mistakes: Mistakes) -> frozenset[str]:
    for index, name in enumerate(names):
        if EVENTS.get(name, name) not in JUDGED:
            mistakes.add(f"{path}[{index}]", f'"{name}" is no event that rules judge: {_instead(name)}')
    return frozenset(EVENTS.get(name, name) for name in names)


def _instead(name: str) -> str:
    """For an event that reports what happened, name the event that asked for it."""
    event = name if name in READABLE else full_name(name)
    if event not in READABLE:
        return instead(name, EVENTS)
    asked = short_name(event).partition(".")[0]
    return f"it is told when it is over: write {asked}.proposed"


def action_type_scope(value: Any, path: str, outer: Scope, mistakes: Mistakes) -> Scope:
    """The scope of a published file's `action_type`. It counts as not stated, as there."""
    if isinstance(value, str) and value in ACTION_TYPES:
        return replace(outer, events=frozenset({ACTION_TYPES[value]}))
    mistakes.add(path, f'"{value}" is not known: {instead(str(value), ACTION_TYPES)}')
    return outer
