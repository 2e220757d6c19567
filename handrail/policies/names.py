"""Names: canonical tool names, and paths into what an event carries."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from unicodedata import category

from handrail.schemas.action import CACHED_NAME_CHARACTERS_MAX, canonical_tool

PATH_PARTS_MAX = 16

_SEPARATOR = re.compile(r"[./:]|__")
_WORD = re.compile(r"[^\W_]+")
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
    """What follows the last `.`, `/`, `:` or `__` of a canonical name; the name itself where there is none."""
    return _last(tool) if len(tool) > CACHED_NAME_CHARACTERS_MAX else _cached_last(tool)


def _last(tool: str) -> str:
    return _SEPARATOR.split(tool)[-1]


_cached_last = lru_cache(4096)(_last)


def words(tool: str) -> tuple[str, ...]:
    """The words of a canonical name, whatever stands between them; what nobody can see stands nowhere."""
    return _words(tool) if len(tool) > CACHED_NAME_CHARACTERS_MAX else _cached_words(tool)


def _words(tool: str) -> tuple[str, ...]:
    visible = "".join(character for character in tool if category(character) != "Cf")
    return tuple(_WORD.findall(visible))


_cached_words = lru_cache(4096)(_words)


class ToolNames:
    """Names of tools, under every spelling under which gateways and frameworks bring them.

    A bare name among them is also meant by its last segment (`shop.issue_refund`), and one of several words by whatever
    ends with these words (`shop-issue_refund`, `shop_issue_refund`). Without any separator it is the same name, too
    (`issueRefund`).
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(dict.fromkeys(canonical_tool(name) for name in names))
        self._exact = frozenset(self.names)
        self._whole = {words(name): name for name in reversed(self.names)}
        self._joined = {"".join(split): name for split, name in self._whole.items()}
        self._bare = frozenset(name for name in self.names if last_segment(name) == name)
        self._ends = {split: name for split, name in self._whole.items() if len(split) > 1 and name in self._bare}
        self._longest = max(map(len, self._ends), default=0)

    def __call__(self, tool: str | None) -> bool:
        """Whether a canonical name is one of them."""
        return tool is not None and self.named(tool) is not None

    def named(self, tool: str) -> str | None:
        """The one that a canonical name means: itself, else the one that says most of it."""
        if tool in self._exact:
            return tool
        if (last := last_segment(tool)) in self._bare:
            return last
        split = words(tool)
        entry = self._whole.get(split) or self._joined.get("".join(split))
        if entry is not None:
            return entry
        for length in range(min(self._longest, len(split) - 1), 1, -1):
            if (entry := self._ends.get(split[-length:])) is not None:
                return entry
        return None


def tool_matcher(names: Iterable[str]) -> ToolNames:
    """Whether a canonical tool name is one of `names`, under any spelling."""
    return ToolNames(names)


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
