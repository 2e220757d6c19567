"""Canonical JSON (RFC 8785) and digests of it."""

from hashlib import sha256
from typing import Any

import orjson
import rfc8785

_LEAVES = frozenset({str, int, bool, type(None)})
_FLOAT_MIN, _FLOAT_MAX = 0.001, 1e9  # in between, fractions have one form: the fewest digits, without an exponent


def is_plain(value: Any) -> bool:
    """Whether orjson's sorted output is canonical already: keys that sort alike in UTF-8 and UTF-16, and plain numbers.

    Of floats, whole ones (`1.0` for `1`) and those with an exponent are none.
    """
    kind = type(value)
    if kind is dict:
        if not "".join(value).isascii():
            return False
        inners = value.values()
    elif kind is list:
        inners = value
    elif kind is float:
        return _FLOAT_MIN < abs(value) < _FLOAT_MAX and not value.is_integer()
    else:
        return kind in _LEAVES
    if _LEAVES.issuperset(map(type, inners)):
        return True
    for inner in inners:  # noqa: SIM110 - a generator costs twice as much, and this is on the hot path
        if not (type(inner) in _LEAVES or is_plain(inner)):
            return False
    return True


def sorted_json(value: Any) -> bytes:
    """`canonical` of a value that is known to be plain, such as a part of one."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def canonical(value: Any) -> bytes:
    """RFC 8785 of a JSON value. Keys are sorted, numbers and strings have one form."""
    if is_plain(value):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return bytes(rfc8785.dumps(value))


def digest(value: Any) -> str:
    """Lower-case hex SHA-256 of the canonical form."""
    return sha256(canonical(value)).hexdigest()
