"""The two published shapes of a policy file, cloud and local, read into one Policy."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from handrail.policies.condition import read_condition, read_leaf
from handrail.policies.mistakes import Mistakes, shown
from handrail.policies.policy import Policy, Rule, Scope
from handrail.policies.rules import OWN_KEYS, Frame, read_default, read_mode, read_rule
from handrail.policies.scope import ACTION_TYPES, action_type_scope, read_scope
from handrail.policies.shape import at, known_keys, mapping, required, text

ABOUT = (
    "id",
    "name",
    "description",
    "category",
    "version",
    "action_type",
    "applies_to",
    "mode",
    "owasp",
    "severity",
    "owner",
)
CLOUD_RULES = ("version", "default_action", "rules", "action_type")
CLOUD_RULE = ("id", "name", "description", "condition", "action", "message", *OWN_KEYS)
LOCAL = (
    "version",
    "default_action",
    "global",
    "actions",
    "id",
    "name",
    "description",
    "category",
    "applies_to",
    "mode",
)
LOCAL_RULE = ("name", "parameter", "operator", "value", "action", "policy_id", "description", "message", *OWN_KEYS)


def read_policy(value: Any, stem: str, mistakes: Mistakes) -> Policy | None:
    """The policy of a parsed file, or None where it has a mistake; `stem` serves where it has no id."""
    root = mapping(value, "", mistakes, "id, name and rules")
    if not isinstance(value, dict):
        return None
    if "global" in root or "actions" in root:
        return _local(root, stem, mistakes)
    if "rules" not in root:
        known_keys(root, "", ABOUT, mistakes)
        mistakes.add("rules", "is missing: write rules: {default_action: allow, rules: [...]}")
        return None
    return _cloud(root, stem, mistakes)


def _cloud(root: Mapping[str, Any], stem: str, mistakes: Mistakes) -> Policy | None:
    known_keys(root, "", (*ABOUT, "rules"), mistakes)
    inner = mapping(root["rules"], "rules", mistakes, "{default_action: allow, rules: [...]}")
    if not isinstance(root["rules"], dict):
        return None
    known_keys(inner, "rules", CLOUD_RULES, mistakes)
    _version(inner, "rules", ("1.0", "1"), mistakes)
    frame = _frame(root, mistakes)
    for holder, path in ((root, "action_type"), (inner, "rules.action_type")):
        if "action_type" in holder:
            scope = action_type_scope(holder["action_type"], path, frame.scope, mistakes)
            frame = Frame(scope, frame.mode, mistakes)
    listed = required(inner, "rules", "rules", "a list of rules", mistakes)
    rules = _cloud_rules(listed, frame) if "rules" in inner else []
    return _policy(root, stem, read_default(inner, "rules", mistakes), frame, rules)


def _cloud_rules(value: Any, frame: Frame) -> list[Rule | None]:
    ids = _Ids(frame.mistakes)
    rules: list[Rule | None] = []
    for index, item in enumerate(_list(value, "rules.rules", frame.mistakes)):
        path = f"rules.rules[{index}]"
        settings = mapping(item, path, frame.mistakes, "{id, condition, action}")
        if not isinstance(item, dict):
            continue
        known_keys(settings, path, CLOUD_RULE, frame.mistakes)
        id_ = ids.of(settings, path, f"rule-{index + 1}")
        condition = required(settings, path, "condition", "{field, operator, value}", frame.mistakes)
        read = read_condition(condition, at(path, "condition"), frame.mistakes) if "condition" in settings else None
        rules.append(read_rule(settings, path, id_, read, frame))
    return rules


def _local(root: Mapping[str, Any], stem: str, mistakes: Mistakes) -> Policy | None:
    known_keys(root, "", LOCAL, mistakes)
    required(root, "", "version", "version: 1", mistakes)
    _version(root, "", ("1",), mistakes)
    frame = _frame(root, mistakes)
    ids = _Ids(mistakes)
    rules = _local_rules(root.get("global"), "global", frame, ids)
    sections = mapping(root["actions"], "actions", mistakes, "{tool_call: {policies: []}}") if "actions" in root else {}
    known_keys(sections, "actions", ACTION_TYPES, mistakes)
    for section in sections:
        if section in ACTION_TYPES:
            scope = action_type_scope(section, "", frame.scope, mistakes)
            rules += _local_rules(sections[section], at("actions", section), Frame(scope, frame.mode, mistakes), ids)
    return _policy(root, stem, read_default(root, "", mistakes), frame, rules)


def _local_rules(section: Any, path: str, frame: Frame, ids: "_Ids") -> list[Rule | None]:
    if section is None:
        return []
    inner = mapping(section, path, frame.mistakes, "{policies: []}")
    known_keys(inner, path, ("policies",), frame.mistakes)
    path = at(path, "policies")
    return [
        _local_rule(item, f"{path}[{index}]", frame, ids)
        for index, item in enumerate(_list(inner.get("policies"), path, frame.mistakes))
    ]


def _local_rule(item: Any, path: str, frame: Frame, ids: "_Ids") -> Rule | None:
    mistakes = frame.mistakes
    settings = mapping(item, path, mistakes, "{parameter: amount, operator: max_value, value: 100, action: block}")
    if not isinstance(item, dict):
        return None
    known_keys(settings, path, LOCAL_RULE, mistakes)
    parameter = required(settings, path, "parameter", "the name of an argument, such as amount", mistakes)
    operator = required(settings, path, "operator", "one such as max_value", mistakes)
    named = parameter.removeprefix("*.") if isinstance(parameter, str) else parameter
    leaf = read_leaf((named, at(path, "parameter")), (operator, at(path, "operator")), settings, path, mistakes)
    return read_rule(settings, path, ids.of(settings, path, f"{operator}({parameter})"), leaf, frame)


def _frame(root: Mapping[str, Any], mistakes: Mistakes) -> Frame:
    scope = Scope()
    if "applies_to" in root:
        scope = read_scope(root["applies_to"], "applies_to", scope, mistakes)
    return Frame(scope, read_mode(root, "", "enforce", mistakes), mistakes)


def _policy(root: Mapping[str, Any], stem: str, default: Any, frame: Frame, rules: list[Rule | None]) -> Policy | None:
    mistakes = frame.mistakes
    name = text(root["name"], "name", mistakes) if "name" in root else None
    id_ = text(root["id"], "id", mistakes) if "id" in root else stem
    if mistakes.entries or id_ is None or default is None:
        return None
    read = tuple(rule for rule in rules if rule is not None)
    return Policy(id_, mistakes.file, name or id_, default, frame.mode, frame.scope, read)


def _version(settings: Mapping[str, Any], path: str, known: tuple[str, ...], mistakes: Mistakes) -> None:
    version = settings.get("version", known[0])
    if isinstance(version, bool) or not isinstance(version, int | Decimal | str) or str(version) not in known:
        mistakes.add(at(path, "version"), f"must be {known[0]}, got {shown(version)}")


def _list(value: Any, path: str, mistakes: Mistakes) -> list[Any]:
    """A list, which may be empty: the default action then speaks alone."""
    if value is None or isinstance(value, list):
        return value or []
    mistakes.add(path, f"must be a list of rules, got {shown(value)}")
    return []


class _Ids:
    """The ids of a policy's rules: an id may not come twice; a name that serves as one is numbered then."""

    def __init__(self, mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        self._taken: set[str] = set()

    def of(self, settings: Mapping[str, Any], path: str, otherwise: str) -> str:
        given = settings.get("id")
        if given is not None:
            id_ = text(given, at(path, "id"), self._mistakes) or otherwise
            if id_ in self._taken:
                self._mistakes.add(at(path, "id"), f'"{id_}" is used twice: give each rule its own id')
            self._taken.add(id_)
            return id_
        name = settings.get("name")
        return self._free(name if isinstance(name, str) and name.strip() else otherwise)

    def _free(self, name: str) -> str:
        free, number = name, 1
        while free in self._taken:
            number += 1
            free = f"{name}#{number}"
        self._taken.add(free)
        return free
