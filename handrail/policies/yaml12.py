"""YAML read as a policy needs it: the 1.2 core schema, one document, nothing that two readers understand differently.

`no`, `off`, `1:30` and dates stay text. Refused: duplicate keys, anchors, aliases, tags, a second document, an empty
file, numbers with leading zeros (`0500` is 320 to one reader and 500 to the next). Keys are always text. Numbers with
a point or an exponent become Decimal, so that a threshold of 0.1 is exactly that.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from handrail.policies.mistakes import Mistakes
from handrail.policies.numeric import CHARACTERS_MAX

NESTING_MAX = 80
NODES_MAX = 200_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {text: text[0] in "tT" for text in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INTEGER = re.compile(r"[-+]?[0-9]+").fullmatch
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+").fullmatch
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?").fullmatch
_ENDLESS = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)").fullmatch
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]").match


@dataclass(slots=True)
class _Place:
    """An open mapping or list, where the next value of it goes."""

    path: str
    holds: dict[str, Any] | list[Any]
    key: str | None = None

    def next_path(self) -> str:
        if isinstance(self.holds, list):
            return f"{self.path}[{len(self.holds)}]"
        return f"{self.path}.{self.key}" if self.path else str(self.key)


@dataclass(slots=True)
class _Reader:
    """Builds the value of one document from YAML events."""

    mistakes: Mistakes
    lines: dict[str, int]
    open: list[_Place] = field(default_factory=list)
    root: Any = None
    nodes: int = 0

    def read(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.NodeEvent):
            self._check_node(event)
            self._start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()

    def _start(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if self._wants_key():
            self._refuse(event, "a key must be text")
            self._take_key("?", event)
        holds: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._put(holds, event)
        self.open.append(_Place(path, holds))
        if len(self.open) > NESTING_MAX:
            raise _Refused(path, f"is nested deeper than {NESTING_MAX}: write it flatter")
        return None

    def _scalar(self, event: Any) -> None:
        if self._wants_key():
            self._take_key(event.value, event)
        else:
            self._put(self._resolved(event), event)

    def _alias(self, event: Any) -> None:
        self._refuse(event, f"is the alias *{event.anchor}: write the value out")
        if self._wants_key():
            self._take_key(f"*{event.anchor}", event)
        else:
            self._put(None, event)

    def _wants_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].holds, dict) and self.open[-1].key is None

    def _take_key(self, key: str, event: Any) -> None:
        place = self.open[-1]
        place.key = key
        if key in place.holds:
            path = place.next_path()
            self.mistakes.add(path, f"stands twice, again on line {event.start_mark.line + 1}: remove one")

    def _put(self, value: Any, event: Any) -> str:
        if not self.open:
            self.root = value
            return ""
        place = self.open[-1]
        path = place.next_path()
        self.lines.setdefault(path, event.start_mark.line + 1)
        if isinstance(place.holds, list):
            place.holds.append(value)
        else:
            place.holds[str(place.key)], place.key = value, None
        return path

    def _resolved(self, event: Any) -> Any:
        if not event.implicit[0]:  # quoted, or a block of text
            return event.value
        try:
            return plain(event.value)
        except ValueError as error:
            self._refuse(event, str(error))
            return None

    def _check_node(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > NODES_MAX:
            raise _Refused("", f"has more than {NODES_MAX} values: split the file")
        if event.anchor is not None:
            self._refuse(event, f"has the anchor &{event.anchor}: write the value out where it is needed")
        if event.tag is not None:
            self._refuse(event, f"has the tag {event.tag}: remove it")

    def _refuse(self, event: Any, reason: str) -> None:
        path = self.open[-1].next_path() if self.open and not self._wants_key() else ""
        place = path or f"line {event.start_mark.line + 1}"
        self.lines.setdefault(place, event.start_mark.line + 1)
        self.mistakes.add(place, reason)


class _Refused(Exception):
    """The document cannot be read on."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason


def plain(text: str) -> Any:
    """The value of a scalar without quotes. Raises ValueError with what to write instead."""
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _ENDLESS(text):
        raise ValueError(f"must be a finite number, got {text}")
    if not _DECIMAL(text):
        return int(text, 0) if _BASED(text) else text
    return _number(text)


def _number(text: str) -> int | Decimal:
    if _LEADING_ZERO(text):
        raise ValueError(f'is a number with a leading zero: write {text.lstrip("+-").lstrip("0")}, or "{text}" as text')
    if len(text) > CHARACTERS_MAX:
        raise ValueError(f"is a number of {len(text)} characters, at most {CHARACTERS_MAX} are read: put it in quotes")
    try:
        return int(text) if _INTEGER(text) else Decimal(text)
    except ArithmeticError:
        raise ValueError(f"is out of range, got {text}") from None


def read(file: str, text: str, *, may_be_empty: bool = False) -> tuple[Any, Mistakes]:
    """The value of the one document in `text`, and what is wrong with how it is written.

    The value is None where nothing could be read; the mistakes then say why, but for a file that `may_be_empty`.
    """
    lines: dict[str, int] = {}
    mistakes = Mistakes(file, lines)
    reader = _Reader(mistakes, lines)
    try:
        for event in _first_document(text, mistakes):
            reader.read(event)
    except _Refused as refused:
        mistakes.add(refused.path, refused.reason)
        return None, mistakes
    except yaml.YAMLError as error:
        mistakes.entries.append(_unreadable(error))
        return None, mistakes
    if reader.root is None and not mistakes.entries and not may_be_empty:
        mistakes.add("", "is empty: write a policy, or remove the file")
    return reader.root, mistakes


def _first_document(text: str, mistakes: Mistakes) -> Iterator[Any]:
    documents = 0
    event: Any
    for event in yaml.parse(text, Loader=_LOADER):
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            line = event.start_mark.line + 1
            mistakes.entries.append((line, f"line {line}", "a second document begins: one file holds one document"))
            return
        yield event


def _unreadable(error: yaml.YAMLError) -> tuple[int, str, str]:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    context = getattr(error, "context", None)
    reason = f"is not YAML: {f'{context}: ' if context else ''}{problem}"
    if mark is None:
        return 0, "", reason
    return mark.line + 1, f"line {mark.line + 1}, column {mark.column + 1}", reason
