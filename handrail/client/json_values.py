"""Values as JSON: a copy of the arguments that are judged, and a tool's result as the log takes it."""

import json
from enum import Enum
from hashlib import sha256
from typing import Any

import orjson
from pydantic import BaseModel

from handrail.schemas.errors import SchemaError
from handrail.schemas.strict_json import loads

RESULT_BYTES_MAX = 100_000
TEXT_MAX = 1_000
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_STRICT_INTEGER | orjson.OPT_SERIALIZE_NUMPY
_PLAIN = frozenset({str, int, float, bool, type(None)})


def json_copy(value: Any) -> Any:
    """A copy of arguments that are about to be judged: the tool runs on it, even when the original is changed.

    Dicts, lists and tuples are copied at all depths; anything else that is not plain is copied as JSON has it. A member
    of an Enum stays what it is. What JSON does not know stays too: proposing it is refused. Raises RecursionError where
    it is deeper than Python goes.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {json_copy(name): json_copy(item) for name, item in value.items()}
    if kind is list or kind is tuple:
        return kind(map(json_copy, value))
    if isinstance(value, Enum):
        return value
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return value


def to_json(result: Any) -> Any:
    """The result as JSON; what JSON cannot represent as text.

    A result of more than RESULT_BYTES_MAX bytes becomes its start and the digest of all: `{truncated, bytes, sha256,
    start}`. Rules that take facts from results do not see those of a truncated one.
    """
    try:
        value = orjson.dumps(result, default=_plain, option=_OPTIONS)
        if len(value) > RESULT_BYTES_MAX:
            start, digest = clip(value.decode()), sha256(value).hexdigest()
            return {"truncated": True, "bytes": len(value), "sha256": digest, "start": start}
        return loads(b"[[" + value + b"]]")[0][0]  # as deep as it will lie in its event
    except (TypeError, SchemaError, RecursionError):
        return clip(repr(result))


def parse_json(text: str) -> Any:
    """The object or list that the text is the JSON of; the text itself where it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict | list) else text


def clip(value: object) -> str:
    """The value as text: at most TEXT_MAX characters that can be written as UTF-8."""
    return str(value)[:TEXT_MAX].encode(errors="replace").decode()


def _plain(value: object) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else clip(value)
