"""What the rules of both published shapes share: action, mode, messages, approvals and what a missing field means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.policies import template
from handrail.policies.condition import Condition
from handrail.policies.cumulative import Cumulative
from handrail.policies.mistakes import Mistakes
from handrail.policies.policy import Rule, Scope
from handrail.policies.scope import read_scope
from handrail.policies.shape import at, choice, integer, required, text
from handrail.policies.subject import RESTRICTIVE
from handrail.policies.template import Template
from handrail.schemas.event_types import ACTION_PROPOSED

TAGS = ("owasp", "severity", "owner")
OWN_KEYS = ("mode", "applies_to", "on_missing", "on_block", "approvals", "customer_message", *TAGS)
"""Keys that rules may have beside the published ones."""

ACTIONS = tuple(RESTRICTIVE)
MODES = ("enforce", "shadow")


@dataclass(frozen=True, slots=True)
class Frame:
    """What a policy gives to its rules."""

    scope: Scope
    mode: Any
    mistakes: Mistakes


def read_action(value: Any, path: str, mistakes: Mistakes) -> Any:
    """An action; `requires_approval` is how some published files spell it."""
    return "require_approval" if value == "requires_approval" else choice(value, path, ACTIONS, mistakes)


def read_default(settings: Mapping[str, Any], path: str, mistakes: Mistakes) -> Any:
    """The `default_action`, which every policy must state."""
    value = required(settings, path, "default_action", "allow, block or require_approval", mistakes)
    if "default_action" not in settings:
        return None
    return read_action(value, at(path, "default_action"), mistakes)


def read_mode(settings: Mapping[str, Any], path: str, outer: Any, mistakes: Mistakes) -> Any:
    """`enforce` or `shadow`; a policy in shadow has no rule that enforces."""
    if "mode" not in settings:
        return outer
    mode = choice(settings["mode"], at(path, "mode"), MODES, mistakes)
    if mode == "enforce" and outer == "shadow":
        mistakes.add(at(path, "mode"), "cannot be enforce in a policy of mode shadow: give the mode to each rule")
    return mode or outer


def read_rule(
    settings: Mapping[str, Any], path: str, id_: str, condition: Condition | None, frame: Frame
) -> Rule | None:
    """The rule, or None where it has a mistake."""
    mistakes = frame.mistakes
    before = len(mistakes.entries)
    written = required(settings, path, "action", "block, require_approval or allow", mistakes)
    action = read_action(written, at(path, "action"), mistakes) if "action" in settings else None
    scope = frame.scope
    if "applies_to" in settings:
        scope = read_scope(settings["applies_to"], at(path, "applies_to"), scope, mistakes)
    if condition and scope.events != {ACTION_PROPOSED}:
        for leaf in condition.leaves():
            if isinstance(leaf, Cumulative):
                mistakes.add(
                    leaf.path, "is of proposed actions alone: let the rule judge action.proposed and no other event"
                )
    rule = Rule(
        id_,
        condition,  # type: ignore[arg-type]
        action,  # type: ignore[arg-type]
        read_mode(settings, path, frame.mode, mistakes),
        scope,
        _missing_matches(settings, path, action, scope, mistakes),
        action != "allow" and settings.get("on_missing") != "skip",
        read_template(settings, path, "message", mistakes),
        read_template(settings, path, "customer_message", mistakes),
        _on_block(settings, path, action, mistakes),
        _approvals(settings, path, action, mistakes),
        {tag: _tag(settings[tag], at(path, tag), mistakes) for tag in TAGS if tag in settings},
    )
    return rule if condition and len(mistakes.entries) == before else None


def read_template(settings: Mapping[str, Any], path: str, key: str, mistakes: Mistakes) -> Template | None:
    """The message under `key`, or None."""
    if settings.get(key) is None:
        return None
    written = text(settings[key], at(path, key), mistakes)
    try:
        return template.parse(written) if written else None
    except ValueError as error:
        mistakes.add(at(path, key), str(error))
        return None


def _missing_matches(settings: Mapping[str, Any], path: str, action: Any, scope: Scope, mistakes: Mistakes) -> bool:
    if "on_missing" not in settings:
        return scope.stated and action != "allow"
    where = at(path, "on_missing")
    meaning = choice(settings["on_missing"], where, ("match", "skip"), mistakes)
    if meaning == "match" and action == "allow":
        mistakes.add(where, "cannot be match on an allow rule: test for the missing field with exists")
    return meaning == "match"


def _on_block(settings: Mapping[str, Any], path: str, action: Any, mistakes: Mistakes) -> Any:
    if "on_block" not in settings:
        return None
    where = at(path, "on_block")
    if action in ACTIONS and action != "block":
        mistakes.add(where, f"belongs to rules that block, this one has {action}: remove it")
    return choice(settings["on_block"], where, ("escalate", "refuse"), mistakes)


def _approvals(settings: Mapping[str, Any], path: str, action: Any, mistakes: Mistakes) -> int:
    if "approvals" not in settings:
        return 1
    where = at(path, "approvals")
    if action in ACTIONS and action != "require_approval":
        mistakes.add(where, f"belongs to rules with require_approval, this one has {action}: remove it")
    return integer(settings["approvals"], where, 1, 2, mistakes) or 1


def _tag(value: Any, path: str, mistakes: Mistakes) -> Any:
    if isinstance(value, list):
        return [text(item, f"{path}[{index}]", mistakes) for index, item in enumerate(value)]
    return text(value, path, mistakes)
