"""A policy, in both published shapes. A file of the second shape has `global` or `actions`."""

from handrail.policies.json_schema.condition import condition, operator, values
from handrail.policies.json_schema.parts import ANYTHING, TEXT, TEXTS, Schema, about, mapping, or_null, words
from handrail.policies.rules import ACTIONS, MODES, OWN_KEYS, TAGS
from handrail.policies.scope import ACTION_TYPES, EVENTS
from handrail.policies.scope import KEYS as SCOPE_KEYS
from handrail.policies.shapes import ABOUT, CLOUD_RULE, CLOUD_RULES, LOCAL, LOCAL_RULE

_ACTION = about(words(*ACTIONS, "requires_approval"), "What the rule asks for; the most restrictive of all rules wins.")
_DEFAULT = about(words(*ACTIONS, "requires_approval"), "What is done where no rule of this policy fires.")
_MODE = about(words(*MODES), "enforce, or shadow: recorded, not obeyed.")
_ACTION_TYPE = words(*ACTION_TYPES)
_RULE_LIST: Schema = {"type": ["array", "null"]}


def policy() -> Schema:
    """A policy file."""
    local = {"anyOf": [{"required": ["global"]}, {"required": ["actions"]}]}
    return {
        "title": "A Handrail policy",
        "type": "object",
        "if": local,
        "then": {"$ref": "#/definitions/local"},
        "else": {"$ref": "#/definitions/cloud"},
        "definitions": {
            "cloud": _cloud(),
            "local": _local(),
            "cloud_rule": _cloud_rule(),
            "local_rule": _local_rule(),
            "applies_to": _applies_to(),
            "condition": condition(),
        },
    }


def _known(keys: tuple[str, ...], described: Schema) -> Schema:
    """Every key that the reader knows, with what is described of it."""
    return {key: described.get(key, ANYTHING) for key in keys}


def _about() -> Schema:
    return {
        "id": about(TEXT, "Its name in decisions; the file's name serves where there is none."),
        "name": TEXT,
        "applies_to": {"$ref": "#/definitions/applies_to"},
        "mode": _MODE,
        "action_type": _ACTION_TYPE,
    }


def _cloud() -> Schema:
    rules = {
        "version": {"enum": [1, "1", "1.0"]},
        "default_action": _DEFAULT,
        "rules": _RULE_LIST | {"items": {"$ref": "#/definitions/cloud_rule"}},
        "action_type": _ACTION_TYPE,
    }
    root = _known(ABOUT, _about()) | {"rules": mapping(_known(CLOUD_RULES, rules), "default_action", "rules")}
    return mapping(root, "rules")


def _local() -> Schema:
    section = or_null(mapping({"policies": _RULE_LIST | {"items": {"$ref": "#/definitions/local_rule"}}}))
    described = _about() | {
        "version": {"enum": [1, "1"]},
        "default_action": _DEFAULT,
        "global": about(section, "Rules for every action."),
        "actions": mapping(dict.fromkeys(ACTION_TYPES, section)),
    }
    return mapping(_known(LOCAL, described), "version", "default_action")


def _applies_to() -> Schema:
    events = words(*EVENTS, *EVENTS.values())
    described = {"events": {"anyOf": [events, {"type": "array", "items": events, "minItems": 1}]}}
    return about(
        mapping({key: described.get(key, TEXTS) for key in SCOPE_KEYS}, least=1),
        "What is judged; without it every action. With it a missing field is a yes for block and require_approval.",
    )


def _own() -> Schema:
    """What rules of both shapes share."""
    described = {
        "action": _ACTION,
        "mode": _MODE,
        "applies_to": {"$ref": "#/definitions/applies_to"},
        "on_missing": about(words("match", "skip"), "What a missing field means."),
        "on_block": about(words("escalate", "refuse"), "Whether a block calls a person, or the agent corrects itself."),
        "approvals": about({"type": "integer", "minimum": 1, "maximum": 2}, "How many people must approve."),
        "message": about(or_null(TEXT), "For the operator; {{field}} is filled from the event."),
        "customer_message": about(or_null(TEXT), "Safe to say aloud; {{field}} is filled from the event."),
        **{tag: {"anyOf": [TEXT, {"type": "array", "items": TEXT}]} for tag in TAGS},
    }
    assert described.keys() >= set(OWN_KEYS)
    return described


_ONLY_WHERE: list[Schema] = [
    {"if": {"required": ["on_block"]}, "then": {"properties": {"action": words("block")}}},
    {
        "if": {"required": ["approvals"]},
        "then": {"properties": {"action": words("require_approval", "requires_approval")}},
    },
    {
        "if": {"required": ["on_missing"], "properties": {"on_missing": {"const": "match"}}},
        "then": {"properties": {"action": words("block", "require_approval", "requires_approval")}},
    },
]


def _cloud_rule() -> Schema:
    described = _own() | {"id": or_null(TEXT), "condition": {"$ref": "#/definitions/condition"}}
    return mapping(_known(CLOUD_RULE, described), "condition", "action") | {"allOf": _ONLY_WHERE}


def _local_rule() -> Schema:
    described = _own() | {"parameter": TEXT, "operator": operator()}
    rule = mapping(_known(LOCAL_RULE, described), "parameter", "operator", "action")
    return rule | {"allOf": [*_ONLY_WHERE, *values("parameter")]}
