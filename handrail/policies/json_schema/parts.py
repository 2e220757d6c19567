"""What the schemas share: text, numbers, lists, mappings with known keys."""

from typing import Any, TypeAlias

from handrail.policies.numeric import CHARACTERS_MAX
from handrail.policies.shape import LIST_MAX, TEXT_CHARACTERS_MAX

Schema: TypeAlias = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The draft that the YAML servers of editors know best."""

TEXT: Schema = {"type": "string", "pattern": r"\S", "maxLength": TEXT_CHARACTERS_MAX}
TEXTS: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1, "maxItems": LIST_MAX}]}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
SCALARS: Schema = {"type": "array", "items": SCALAR, "minItems": 1, "maxItems": LIST_MAX}
NUMBER_TEXT: Schema = {
    "type": "string",
    "pattern": "^ *[+-]?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)? *$",
    "maxLength": CHARACTERS_MAX,
}
NUMBER: Schema = {"anyOf": [{"type": "number"}, NUMBER_TEXT]}
PART = r"[^\s.{}\[\]]+"
"""One part of a path, as `names.path_parts` reads it."""

ANYTHING: Schema = {}


def about(schema: Schema, description: str) -> Schema:
    """The schema with the words that an editor shows."""
    return {"description": description, **schema}


def words(*known: str) -> Schema:
    """One of the words."""
    return {"enum": list(known)}


def integer(least: int, most: int) -> Schema:
    """A whole number from `least` to `most`."""
    return {"type": "integer", "minimum": least, "maximum": most}


def amount(least: int, most: int) -> Schema:
    """A number from `least` to `most`; as text its size is for the reader to check."""
    return {"anyOf": [{"type": "number", "minimum": least, "maximum": most}, NUMBER_TEXT]}


def listed(items: Schema) -> Schema:
    """A list with something in it."""
    return {"type": "array", "items": items, "minItems": 1, "maxItems": LIST_MAX}


def or_null(schema: Schema) -> Schema:
    """The schema, or nothing after the colon."""
    return {"anyOf": [schema, {"type": "null"}]}


def mapping(properties: Schema, *required: str, least: int = 0) -> Schema:
    """A mapping with these keys and no other."""
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        made["required"] = list(required)
    return made | ({"minProperties": least} if least else {})


def named(values: Schema, pattern: str | None = None) -> Schema:
    """A mapping by names of the user's own, all of the pattern."""
    made: Schema = {"type": "object", "additionalProperties": values}
    return made if pattern is None else made | {"propertyNames": {"pattern": pattern}}
