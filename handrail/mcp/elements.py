"""A line of JSON, and where it is an array, each of its elements with its own bytes."""

import json
import re
from dataclasses import dataclass
from typing import Any

PARTS_MAX = 100
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Elements:
    """`values[i]` was read from `raws[i]`; one of each where it is no array."""

    raws: tuple[bytes, ...]
    values: tuple[Any, ...]
    array: bool


def elements(text: str, decoder: json.JSONDecoder) -> Elements:
    """The elements of `text`, which has no space around it.

    Raises JSONDecodeError, RecursionError, what the decoder raises, and OverflowError beyond PARTS_MAX.
    """
    if not text.startswith("["):
        value, end = decoder.raw_decode(text)
        _nothing_behind(text, end)
        return Elements((text.encode(),), (value,), array=False)
    raws: list[bytes] = []
    values: list[Any] = []
    at, close = _skip(text, 1), "]"
    while text[at : at + 1] != close:
        if len(values) == PARTS_MAX:
            raise OverflowError
        value, end = decoder.raw_decode(text, at)
        raws.append(text[at:end].encode())
        values.append(value)
        at = _skip(text, end)
        if text[at : at + 1] == close:
            break
        at = _comma(text, at)
    _nothing_behind(text, at + 1)
    return Elements(tuple(raws), tuple(values), array=True)


def _comma(text: str, at: int) -> int:
    """Where the next element begins; there must be one."""
    if text[at : at + 1] != ",":
        raise json.JSONDecodeError("Expecting ',' or ']'", text, at)
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        raise json.JSONDecodeError("Expecting an element", text, at)
    return at


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _nothing_behind(text: str, end: int) -> None:
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
