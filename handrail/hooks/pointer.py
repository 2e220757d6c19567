"""JSON pointers (RFC 6901): where in a JSON value something stands. Pure."""

import re
from typing import Any

DEPTH_MAX = 64
_INDEX = re.compile(r"0|[1-9]\d{0,8}").fullmatch
_WRONG_ESCAPE = re.compile(r"~(?![01])").search


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""What a pointer finds where nothing stands."""


def checked(pointer: str) -> str:
    """The pointer. Raises ValueError where it is none, saying what to write."""
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"not a JSON pointer: {pointer!r}: write it as /data/handoff_id")
    if _WRONG_ESCAPE(pointer):
        raise ValueError(f"not a JSON pointer: {pointer!r}: write ~ as ~0 and / inside a name as ~1")
    if pointer.count("/") > DEPTH_MAX:
        raise ValueError(f"not a JSON pointer of at most {DEPTH_MAX} steps: {pointer[:60]!r}")
    return pointer


def find(value: Any, pointer: str) -> Any:
    """What stands there in a JSON value; MISSING where nothing does. `-1` is the last item of a list."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and value and name == "-1":
            value = value[-1]
        elif isinstance(value, list) and _INDEX(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value
