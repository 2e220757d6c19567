"""Canonical JSON (RFC 8785) and digests of it."""

from hashlib import sha256
from typing import Any

import orjson
import rfc8785

_LEAVES = frozenset({str, int, bool, type(None)})


def _plain(value: Any) -> bool:
    """Whether orjson's sorted output is canonical already: no floats, and keys that sort alike in UTF-8 and UTF-16."""
    kind = type(value)
    if kind is dict:
        for key, inner in value.items():
            if not key.isascii() or not (type(inner) in _LEAVES or _plain(inner)):
                return False
        return True
    if kind is list:
        for inner in value:  # noqa: SIM110 - a generator costs twice as much, and this is on the hot path
            if not (type(inner) in _LEAVES or _plain(inner)):
                return False
        return True
    return kind in _LEAVES


def canonical(value: Any) -> bytes:
    """RFC 8785 of a JSON value. Keys are sorted, numbers and strings have one form."""
    if _plain(value):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return bytes(rfc8785.dumps(value))


def digest(value: Any) -> str:
    """Lower-case hex SHA-256 of the canonical form."""
    return sha256(canonical(value)).hexdigest()
