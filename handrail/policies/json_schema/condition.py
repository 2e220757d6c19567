"""Conditions: what each operator takes is asked of the operator itself."""

from collections.abc import Iterable

from handrail.policies import cumulative
from handrail.policies.condition import GROUPS
from handrail.policies.json_schema.parts import NUMBER, SCALAR, SCALARS, TEXT, TEXTS, Schema, about, listed, mapping
from handrail.policies.lookup import is_tool
from handrail.policies.operators import OPERATORS, PATTERN_CHARACTERS_MAX

TOOL_NAMES = [name for name in ("tool", "tool_name") if is_tool((name,))]
LISTED = ("all", "any")
TAKES: dict[str, Schema] = {
    "number": NUMBER,
    "two numbers": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2},
    "pattern": {"type": "string", "minLength": 1, "maxLength": PATTERN_CHARACTERS_MAX},
    "text": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "number"}]},
    "list": SCALARS,
    "scalar": SCALAR,
}
"""What a threshold looks like, by what `taken` finds."""

_TRIED = {"number": 5, "text": "a", "truth": True, "two numbers": [1, 2], "list": ["a"]}
_KINDS = {
    frozenset({"number"}): "number",
    frozenset({"two numbers"}): "two numbers",
    frozenset({"text"}): "pattern",
    frozenset({"number", "text"}): "text",
    frozenset({"two numbers", "list"}): "list",
    frozenset({"number", "text", "truth"}): "scalar",
}


TIME: Schema = {"type": "string", "pattern": f"^{cumulative.OVER}$"}


def taken(operator: str) -> str:
    """Which of TAKES an operator accepts as its threshold."""
    return _KINDS[frozenset(kind for kind, threshold in _TRIED.items() if _accepts(operator, threshold))]


def _accepts(operator: str, threshold: object) -> bool:
    try:
        OPERATORS[operator](threshold)
    except ValueError:
        return False
    return True


def values(field: str) -> list[Schema]:
    """For each kind of operator what `value` must be; `field` is the key that names the field."""
    by_kind: dict[str, list[str]] = {}
    for operator in OPERATORS:
        by_kind.setdefault(taken(operator), []).append(operator)
    made = [_value(field, kind, operators) for kind, operators in by_kind.items()]
    exists = {"if": _is("operator", ["exists"]), "then": {"properties": {"value": {"type": "boolean"}}}}
    return [*made, exists]


def _value(field: str, kind: str, operators: list[str]) -> Schema:
    """A tool may be compared with one name or with several, whichever operator is used."""
    then: Schema = {"required": ["value"], "properties": {"value": TAKES[kind]}}
    if kind in ("list", "scalar"):
        tools: Schema = {"required": ["value"], "properties": {"value": TEXTS}}
        then = {"if": _is(field, TOOL_NAMES), "then": tools, "else": then}
    return {"if": _is("operator", operators), "then": then}


def _is(key: str, words: list[str]) -> Schema:
    return {"required": [key], "properties": {key: {"enum": words}}}


def operator() -> Schema:
    """Every spelling."""
    return about({"enum": sorted([*OPERATORS, "exists"])}, "How the field is compared with the value.")


def condition() -> Schema:
    """`{field, operator, value}`, or `all`, `any`, `not` alone; refers to itself under `#/definitions`."""
    itself = {"$ref": "#/definitions/condition"}
    groups = {key: listed(itself) if key in LISTED else itself for key in GROUPS}
    leaf = {
        "field": about(
            TEXT, "A name of the contract, of tools.yaml, or of an argument; or a path such as customer.tier."
        ),
        "operator": operator(),
        "value": about({}, "What the field is compared with."),
    }
    over_several = {
        "sum": about(TEXT, "A field of tools.yaml: its sum over the judged action and those that came earlier."),
        "count": about(TEXT, "A field of tools.yaml: how many actions had it, the judged one included."),
        "by": about({"enum": [cumulative.BY]}, "What is added up."),
        "over": about(TIME, "The time that counts, such as 24h."),
    }
    needed = ["over", "operator", "value"]
    compares: Schema = {"operator": {"enum": sorted(cumulative.OPERATORS)}}
    alone: list[Schema] = [{"required": [key], "maxProperties": 1} for key in GROUPS]
    of_one = _without("field", needs=["field", "operator"], others=over_several)
    several = [
        _without(measure, needs=[measure, *needed], others=("field", *cumulative.MEASURES)) | {"properties": compares}
        for measure in cumulative.MEASURES
    ]
    return mapping({**leaf, **over_several, **groups}) | {
        "oneOf": [*alone, of_one, *several],
        "allOf": values("field"),
    }


def _without(key: str, needs: list[str], others: Iterable[str]) -> Schema:
    """A mapping that has these keys, and of the others only its own."""
    return {"required": needs, "not": {"anyOf": [{"required": [other]} for other in others if other != key]}}
