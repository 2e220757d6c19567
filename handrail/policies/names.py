"""Names: canonical tool names, and paths into what an event carries."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from handrail.schemas.action import CACHED_NAME_CHARACTERS_MAX, canonical_tool

PATH_PARTS_MAX = 16

_SEPARATOR = re.compile(r"[./:]|__")
_PART = re.compile(r"[^\s.{}\[\]]+").fullmatch


class _Missing:
    """Stands for a field that is not there; null is there."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class Unreadable:
    """Stands for a field whose path meets a value that it cannot enter: whether the field is there, nobody can say.

    `met` is that value, `at` the path to it (empty: what the path begins in), `part` what was looked for in it.
    """

    __slots__ = ("at", "met", "part")

    def __init__(self, at: tuple[str, ...], met: Any, part: str) -> None:
        self.at, self.met, self.part = at, met, part

    def __str__(self) -> str:
        return f"{'.'.join(self.at) or 'it'} is {_kind(self.met)}: {self.part} cannot be looked up in it"


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list | tuple) else "a number"


def last_segment(tool: str) -> str:
    """What stands behind the last `.`, `/`, `:` or `__` of a canonical name; the name itself where there is none."""
    return _last(tool) if len(tool) > CACHED_NAME_CHARACTERS_MAX else _cached_last(tool)


def _last(tool: str) -> str:
    return _SEPARATOR.split(tool)[-1]


_cached_last = lru_cache(4096)(_last)


def tool_matcher(names: Iterable[str]) -> Callable[[str | None], bool]:
    """Whether a canonical tool name is one of `names`; a bare one among them also matches its last segment."""
    exact = frozenset(canonical_tool(name) for name in names)
    bare = frozenset(name for name in exact if last_segment(name) == name)

    def matches(tool: str | None) -> bool:
        return tool is not None and (tool in exact or last_segment(tool) in bare)

    return matches


def path_parts(path: str) -> tuple[str, ...] | None:
    """`order.items.0.price` as its parts, or None where it is no path."""
    parts = tuple(path.split("."))
    if len(parts) > PATH_PARTS_MAX or not all(_PART(part) for part in parts):
        return None
    return parts


def resolve(parts: Iterable[str], value: Any) -> Any:
    """What lies at `parts` inside `value`, MISSING, or an Unreadable. A number as a part counts into a list, from 0.

    MISSING: everything on the way was an object or a list, and did not have it.
    """
    parts = tuple(parts)
    for depth, part in enumerate(parts):
        if isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, list | tuple) and part.isascii() and part.isdigit() and len(part) < 7:
            index = int(part)
            value = value[index] if index < len(value) else MISSING
        else:
            return Unreadable(parts[:depth], value, part)
        if value is MISSING:
            return MISSING
    return value
