"""JSON read strictly: what two readers could understand differently is refused, and so is what could hurt one.

orjson refuses broken UTF-8, NaN and lone surrogates by itself. The rest is ruled out by cheap checks over the bytes;
only where one of them cannot rule a problem out, the slow and exact reader decides.
"""

import json
from typing import Any, NoReturn

import orjson

from handrail.schemas.errors import SchemaError

BYTES_MAX = 1_000_000
DEPTH_MAX = 64
INTEGER_MAX = 2**53 - 1
INTEGER_DIGITS = 16  # as many as 2^53-1 has
SHOWN = 60

_DIGITS = frozenset(b"0123456789")
_BEFORE_NUMBERS = frozenset(b":,[-+ \t\r\n")  # inside a string the slow reader finds out that it is none
_MARKS = bytes(ord("0" if code in _DIGITS else ":" if code in _BEFORE_NUMBERS else " ") for code in range(256))
_LONG_NUMBER = b"0" * INTEGER_DIGITS
_BARE_LONG_NUMBER = b":" + _LONG_NUMBER


def loads(value: bytes | None) -> Any:
    """The JSON value. Raises SchemaError with one line that says what is wrong."""
    if value is None:
        raise SchemaError("value: is null; a record needs a CloudEvent in JSON")
    if len(value) > BYTES_MAX:
        raise SchemaError(
            f"value: has {len(value)} bytes, at most {BYTES_MAX} are read: send large content by reference"
        )
    if value.count(b"{") + value.count(b"[") > DEPTH_MAX:
        _check_depth(value)
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise SchemaError(f"value: is not JSON: {_why(value, error)}") from None
    if not _plainly_fine(value, parsed):
        _check_exactly(value)
    return parsed


def _plainly_fine(value: bytes, parsed: Any) -> bool:
    """Whether no key was lost and no integer is too long, as far as the bytes alone show.

    A repeated key that the parser dropped does not come back, and loses at least two quotes. So nothing was lost where
    the value is written again byte for byte, as it is for producers that use orjson; nor, where no quote is written as
    an escape, if there are as many quotes after as before. A number that is infinite as a double, orjson refuses.
    """
    again = orjson.dumps(parsed)
    if again != value and (b"\\u0022" in value or again.count(b'"') != value.count(b'"')):
        return False
    return not _has_bare_long_number(value)


def _has_bare_long_number(value: bytes) -> bool:
    """Whether a run of INTEGER_DIGITS digits stands where a number could begin."""
    marks = value.translate(_MARKS)
    return _BARE_LONG_NUMBER in marks or marks.startswith(_LONG_NUMBER)


def _check_depth(value: bytes) -> None:
    """Refuse nesting over DEPTH_MAX, counting brackets outside strings, without recursion."""
    depth = 0
    for number, part in enumerate(_split_strings(value)):
        if number % 2:
            continue
        for byte in part:
            if byte in b"{[":
                depth += 1
                if depth > DEPTH_MAX:
                    raise SchemaError(f"value: is nested deeper than {DEPTH_MAX} levels")
            elif byte in b"}]":
                depth -= 1


def _split_strings(value: bytes) -> list[bytes]:
    """The text outside strings at even places, strings at odd ones. Escapes are blanked first."""
    return value.replace(b"\\\\", b"  ").replace(b'\\"', b"  ").split(b'"')


def _check_exactly(value: bytes) -> None:
    """Refuse repeated keys, integers beyond 2^53-1 and numbers beyond a double, by the slow reader."""
    try:
        json.loads(value, object_pairs_hook=_pairs, parse_int=_integer, parse_float=_float, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"value: is not JSON: {error}") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names: set[str] = set()
        again = next(name for name, _ in pairs if name in names or names.add(name))  # type: ignore[func-returns-value]
        raise SchemaError(f"value: the key {again[:SHOWN]!r} stands twice in one object")
    return fields


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > INTEGER_DIGITS or abs(int(text)) > INTEGER_MAX:
        raise SchemaError(f"value: the integer {_cut(text)} is beyond 2^53-1: write it as a string")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise SchemaError(f"value: the number {_cut(text)} is beyond what a double holds")
    return number


def _constant(text: str) -> NoReturn:
    raise SchemaError(f"value: {text} is not JSON: leave the field out")


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:20]}… ({len(text)} digits)"


def _why(value: bytes, error: orjson.JSONDecodeError) -> str:
    """orjson's reason, or a better one where it is known."""
    try:
        value.decode()
    except UnicodeDecodeError as broken:
        return f"not UTF-8 at byte {broken.start}"
    for word in (b"NaN", b"Infinity"):
        if word in value:
            return f"{word.decode()} is no JSON number: leave the field out"
    return str(error)
