"""limits.yaml, routing.yaml, tools.yaml, agents.yaml, keys.yaml and prices.yaml."""

from functools import partial

from handrail.policies import limits as limits_file
from handrail.policies import prices as prices_file
from handrail.policies.json_schema.parts import (
    PART,
    SCALAR,
    SCALARS,
    TEXT,
    TEXTS,
    Schema,
    about,
    amount,
    integer,
    listed,
    mapping,
    named,
    or_null,
    words,
)
from handrail.policies.routing import DUE_IN_S_MAX, FIELDS, PRIORITIES, PROTECTED, ROUTES, RULE, VALUES
from handrail.policies.tools import FIELD_ROOTS
from handrail.schemas.keys import TYPE, USES

_SHARE = or_null(amount(0, 1))


def limits() -> Schema:
    """Agent over tenant over default, key by key."""
    stated = {key: _limit(read) for key, (_, read) in limits_file._KEYS.items()}
    stated["confidence_min"] = mapping({"query": _SHARE, "response": _SHARE})
    of_one = mapping(stated)
    memory = mapping({key: _limit(read) for key, read in limits_file._MEMORY.items()})
    root = mapping({"default": of_one, "tenants": named(of_one), "agents": named(of_one), "memory": memory})
    return {"title": "How far an execution and a conversation may go", **root}


def _limit(read: object) -> Schema:
    """The reader of a limit is a whole number's, with its ends, the money's, or the time's, which may be null."""
    if isinstance(read, partial):
        return integer(*read.args)
    if read is limits_file._usd:
        return about(amount(0, limits_file.USD_MAX), 'USD, such as "10.00".')
    return or_null(integer(1, limits_file.SECONDS_MAX))


def routing() -> Schema:
    """The first rule that holds says who answers."""
    described: Schema = {
        "when": about(
            _when(), "Fields of the classification, attributes and customer; all must fit. Without it: always."
        ),
        "route": words(*ROUTES),
        "skills": TEXTS,
        "priority": words(*PRIORITIES),
        "due_in_s": integer(1, DUE_IN_S_MAX),
    }
    rule = mapping({key: described.get(key, TEXT) for key in RULE}, "route")
    rules = {"type": ["array", "null"], "items": rule}
    drops: Schema = {"anyOf": [words(*PROTECTED), listed(words(*PROTECTED))]}
    return {
        "title": "Who answers a query",
        **mapping({"topics": TEXTS, "default_queue": TEXT, "rules": rules, "drops": drops}),
    }


def _when() -> Schema:
    value: Schema = {"anyOf": [SCALAR, SCALARS, {"type": "object", "minProperties": 1}]}
    known = {field: {"anyOf": [words(*names), listed(words(*names))]} for field, names in VALUES.items()}
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {**known, "wants_human": {"type": "boolean"}},
        "propertyNames": {"pattern": rf"^({'|'.join(FIELDS)})(\.{PART})*$"},
        "additionalProperties": value,
    }


def tools() -> Schema:
    """What tools do, and where their quantities stand."""
    field = {"type": "string", "pattern": rf"^({'|'.join(FIELD_ROOTS)})(\.{PART})+$"}
    result = {"type": "string", "pattern": rf"^results\.{PART}(\.{PART})+$"}
    names = rf"^{PART}(\.{PART})*$"
    volatile: Schema = {"type": "string", "pattern": names}
    key = about({"type": "string", "pattern": names}, "The argument that says which one is meant.")
    fact = {"anyOf": [result, mapping({"from": result, "key": key}, "from", "key")]}
    entry = {
        "effect": about(words("read", "write"), "What it does to the world; an event can only raise it to write."),
        "fields": about(named(field, names), "Names that rules use, as paths such as arguments.amount."),
        "facts": about(named(fact, names), "Names that rules use, as paths such as results.get_order.total."),
        "volatile": about(
            {"anyOf": [volatile, listed(volatile)]}, "Fields of its results that are new each time and say nothing."
        ),
    }
    return {"title": "What tools do", **mapping({"tools": named(mapping(entry))}, "tools")}


def agents() -> Schema:
    """Who may speak, and for whom."""
    entry = {"enforcement": words("enforce", "observe"), "sources": TEXTS, "tenants": TEXTS}
    listed = {
        "recorded_sources": about(TEXTS, "Whose `recorded: true` counts: names, or beginnings with a * at the end."),
        "human_sources": about(TEXTS, "Whose `role: human_agent` counts as a person's word."),
    }
    root = mapping({"agents": named(mapping(entry)), **listed})
    some = [{"required": [name]} for name in root["properties"]]
    return {"title": "Who may speak", **root, "anyOf": some}


def keys() -> Schema:
    """Whose signatures count."""
    entry = {
        "public": about({"type": "string", "pattern": rf"^{TYPE} \\S+"}, "The line of `handrail keys show`."),
        "uses": {"anyOf": [words(*USES), listed(words(*USES))]},
    }
    return {"title": "Whose signatures count", **mapping({"keys": named(mapping(entry, *entry))}, "keys")}


def prices() -> Schema:
    """What a token costs."""
    usd = about(amount(0, prices_file.USD_MAX), 'USD for a million tokens, such as "2.00".')
    entry = mapping(dict.fromkeys(("input", "cached_input", "output"), usd), "input", "output")
    return {
        "title": "What a token costs",
        **mapping({"usd_per_million_tokens": named(entry)}, "usd_per_million_tokens"),
    }
