"""`applies_to`: which agents, tools, events and tenants a policy or a rule judges."""

from dataclasses import replace
from typing import Any

from handrail.policies.lookup import BARE_ROOT, JUDGED
from handrail.policies.mistakes import Mistakes, instead
from handrail.policies.names import tool_matcher
from handrail.policies.policy import Scope
from handrail.policies.shape import at, identities, known_keys, mapping, texts

KEYS = ("agents", "tools", "events", "tenants")
EVENTS = {event.removeprefix("handrail.").removesuffix(".v1"): event for event in JUDGED}
ACTION_TYPES = {
    "tool_call": "handrail.action.proposed.v1",
    "llm_call": "handrail.llm.proposed.v1",
    "agent_execution": "handrail.query.received.v1",
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
    """What is told afterwards is nearest to what was asked before it."""
    event = name if name in BARE_ROOT else f"handrail.{name}.v1"
    if event not in BARE_ROOT:
        return instead(name, EVENTS)
    asked = event.removeprefix("handrail.").partition(".")[0]
    return f"it is told when it is over: write {asked}.proposed"


def action_type_scope(value: Any, path: str, outer: Scope, mistakes: Mistakes) -> Scope:
    """The scope of a published file's `action_type`. It counts as not stated, as there."""
    if isinstance(value, str) and value in ACTION_TYPES:
        return replace(outer, events=frozenset({ACTION_TYPES[value]}))
    mistakes.add(path, f'"{value}" is not known: {instead(str(value), ACTION_TYPES)}')
    return outer
