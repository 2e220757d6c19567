"""What a tool returned, as the log takes it: JSON, and not too much of it."""

import json
from hashlib import sha256
from typing import Any

import orjson
from pydantic import BaseModel

from handrail.schemas.errors import SchemaError
from handrail.schemas.strict_json import loads

RESULT_BYTES_MAX = 100_000
TEXT_MAX = 1_000
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_STRICT_INTEGER | orjson.OPT_SERIALIZE_NUMPY


def shown(result: Any) -> Any:
    """The result as JSON; what JSON cannot say as text.

    Of more than RESULT_BYTES_MAX bytes only the start is told, with the digest of all: `{truncated, bytes, sha256,
    start}`. Rules that take facts from a result do not see those of such a one.
    """
    try:
        value = orjson.dumps(result, default=_plain, option=_OPTIONS)
        if len(value) > RESULT_BYTES_MAX:
            start, digest = text(value.decode()), sha256(value).hexdigest()
            return {"truncated": True, "bytes": len(value), "sha256": digest, "start": start}
        return loads(b"[[" + value + b"]]")[0][0]  # as deep as it will lie in its event
    except (TypeError, SchemaError, RecursionError):
        return text(repr(result))


def json_of(said: str) -> Any:
    """The object or list that the text is the JSON of; the text itself where it is none."""
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return said
    return found if isinstance(found, dict | list) else said


def text(said: object) -> str:
    """At most TEXT_MAX characters that can be written as UTF-8."""
    return str(said)[:TEXT_MAX].encode(errors="replace").decode()


def _plain(value: object) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else text(value)
