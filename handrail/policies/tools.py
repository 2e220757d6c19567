"""`tools.yaml`: what a tool does to the world, and where its quantities stand.

tools:
  refund:
    effect: write
    fields: {refund_amount_usd: arguments.amount}
    facts: {order_total: {from: results.get_order_details.total, key: order_id}}
  get_order_details: {effect: read, volatile: [request_id, meta.read_at]}
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from handrail.policies.mistakes import Mistakes, shown
from handrail.policies.names import ToolNames, path_parts
from handrail.policies.shape import at, choice, known_keys, mapping, required, texts
from handrail.schemas.action import canonical_tool

Effect: TypeAlias = Literal["read", "write", "unknown"]
Path: TypeAlias = tuple[str, ...]

FIELD_ROOTS = ("arguments", "attributes", "customer", "data")
TOOLS_MAX = 1_000
_EXAMPLE = "{refund: {effect: write}}"


class Fact(NamedTuple):
    """Where a fact is taken from: the canonical name of a tool, and the path in its result.

    With a `key` one value is kept for each value of that argument of the look-up, and a rule reads the one for what the
    judged action gives under the same name.
    """

    source: str
    path: Path
    key: Path | None = None


class ToolFact(NamedTuple):
    """A fact as it is taken from one tool's result: `key` is the path of its key in the arguments of that tool."""

    name: str
    path: Path
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class ToolEntry:
    """One tool: `fields` by name, as paths that begin with their root; `facts` by name.

    `volatile` are the ends of the paths in its results that are new each time and say nothing.
    """

    name: str
    effect: Effect = "unknown"
    fields: Mapping[str, Path] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    volatile: tuple[Path, ...] = ()

    def key_path(self, key: Path) -> Path:
        """Where this tool's calls have the key of a fact: what `fields` says of that name, else the argument."""
        mapped = self.fields.get(".".join(key))
        return mapped if mapped and mapped[0] == "arguments" else ("arguments", *key)


class Tools:
    """The tools of a bundle, by canonical name; each name serves its other spellings too (names.py)."""

    def __init__(self, entries: Mapping[str, ToolEntry]) -> None:
        self._entries = dict(entries)
        self.names = ToolNames(self._entries)
        self._facts: dict[str, dict[str, ToolFact]] = {}
        for entry in entries.values():
            for name, fact in entry.facts.items():
                self._facts.setdefault(fact.source, {})[name] = self._taken(name, fact)

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, tool: str | None) -> ToolEntry | None:
        """The entry of a canonical tool name."""
        if tool is None or not self._entries:
            return None
        named = self.names.named(tool)
        return None if named is None else self._entries[named]

    def effect(self, tool: str, declared: str | None) -> Effect:
        """What the file says; an event can only raise it to `write`."""
        entry = self.entry(tool)
        return "write" if declared == "write" else entry.effect if entry else "unknown"

    def fields(self, tool: str) -> Mapping[str, Path]:
        """Names of quantities in calls of this tool, with the path of each."""
        entry = self.entry(tool)
        return entry.fields if entry else MappingProxyType({})

    def volatile(self, tool: str) -> tuple[Path, ...]:
        """What is left out where results of this tool are compared."""
        entry = self.entry(tool)
        return entry.volatile if entry else ()

    @property
    def fact_names(self) -> frozenset[str]:
        """The names of facts that any tool has."""
        return frozenset(name for entry in self._entries.values() for name in entry.facts)

    @property
    def field_names(self) -> frozenset[str]:
        """The names of quantities that any tool has."""
        return frozenset(name for entry in self._entries.values() for name in entry.fields)

    def _taken(self, name: str, fact: Fact) -> ToolFact:
        if fact.key is None:
            return ToolFact(name, fact.path)
        looked_up = self.entry(fact.source) or ToolEntry(fact.source)
        return ToolFact(name, fact.path, looked_up.key_path(fact.key)[1:])

    def facts(self, tool: str) -> tuple[ToolFact, ...]:
        """What to take from a result of this tool. Its exact name counts: `scratch.get_order` is no `get_order`."""
        taken = self._facts.get(tool)
        return tuple(taken.values()) if taken else ()


def read_tools(value: Any, mistakes: Mistakes) -> Tools:
    """The tools of a parsed `tools.yaml`."""
    root = mapping(value, "", mistakes, f"tools: {_EXAMPLE}")
    known_keys(root, "", ("tools",), mistakes)
    named = mapping(root.get("tools"), "tools", mistakes, _EXAMPLE)
    if len(named) > TOOLS_MAX:
        mistakes.add("tools", f"has {len(named)} tools: write at most {TOOLS_MAX}")
        return Tools({})
    entries: dict[str, ToolEntry] = {}
    listed = frozenset(map(canonical_tool, named))
    for name, settings in named.items():
        path = at("tools", name)
        canonical = canonical_tool(name)
        if canonical in entries:
            mistakes.add(path, f"is the tool {canonical} a second time: write one entry for all spellings")
        entries[canonical] = _entry(canonical, settings, path, listed, mistakes)
    _check_facts(entries, mistakes)
    return Tools(entries)


def _entry(name: str, value: Any, path: str, listed: Collection[str], mistakes: Mistakes) -> ToolEntry:
    settings = mapping(value, path, mistakes, "{effect: write}")
    known_keys(settings, path, ("effect", "fields", "facts", "volatile"), mistakes)
    effect = (
        choice(settings["effect"], at(path, "effect"), ("read", "write"), mistakes) if "effect" in settings else None
    )
    fields = {
        key: parts
        for key, where, text in _paths(settings, path, "fields", "{amount_usd: arguments.amount}", mistakes)
        if (parts := _field(text, where, mistakes)) is not None
    }
    facts = {
        key: source
        for key, where, text in _paths(settings, path, "facts", "{total: results.get_order.total}", mistakes)
        if (source := _fact(text, where, listed, mistakes)) is not None
    }
    for key in facts.keys() & fields.keys():
        mistakes.add(at(at(path, "facts"), key), "is a field of this tool too: use another name")
    volatile = _volatile(settings["volatile"], at(path, "volatile"), mistakes) if "volatile" in settings else ()
    return ToolEntry(name, "read" if effect == "read" else "write" if effect else "unknown", fields, facts, volatile)


def _volatile(value: Any, path: str, mistakes: Mistakes) -> tuple[Path, ...]:
    named = texts(value, path, mistakes)
    paths = [path_parts(name) for name in named]
    for name, parts in zip(named, paths, strict=True):
        if parts is None:
            mistakes.add(path, f"must be names of fields such as request_id or meta.read_at, got {shown(name)}")
    return tuple(parts for parts in paths if parts is not None)


def _paths(
    settings: Mapping[str, Any], path: str, key: str, example: str, mistakes: Mistakes
) -> list[tuple[str, str, Any]]:
    if key not in settings:
        return []
    inner = at(path, key)
    named = mapping(settings[key], inner, mistakes, example)
    for name in named:
        if path_parts(name) is None:
            mistakes.add(at(inner, name), f"is no name for a field, got {shown(name)}: use letters, digits and _")
    return [(name, at(inner, name), text) for name, text in named.items()]


def _field(text: Any, path: str, mistakes: Mistakes) -> Path | None:
    parts = path_parts(text) if isinstance(text, str) else None
    if parts is None or len(parts) < 2 or parts[0] not in FIELD_ROOTS:
        mistakes.add(path, f"must be a path such as arguments.amount, got {shown(text)}")
        return None
    return parts


def _fact(value: Any, path: str, listed: Collection[str], mistakes: Mistakes) -> Fact | None:
    """A path, or `{from: path, key: argument}`."""
    if not isinstance(value, dict):
        return _from(value, path, listed, mistakes)
    known_keys(value, path, ("from", "key"), mistakes)
    example = "{from: results.get_order.total, key: order_id}"
    text, named = (required(value, path, key, f"both, such as {example}", mistakes) for key in ("from", "key"))
    key = path_parts(named) if isinstance(named, str) else None
    if key is None and "key" in value:
        mistakes.add(at(path, "key"), f"must be the name of an argument such as order_id, got {shown(named)}")
    fact = _from(text, at(path, "from"), listed, mistakes) if "from" in value else None
    return fact._replace(key=key) if fact and key else None


def _from(text: Any, path: str, listed: Collection[str], mistakes: Mistakes) -> Fact | None:
    """The tool is the longest name that the file lists, else the one part after `results`: names may have dots."""
    parts = path_parts(text) if isinstance(text, str) else None
    if parts is None or len(parts) < 3 or parts[0] != "results":
        mistakes.add(path, f"must be a path such as results.get_order.total, got {shown(text)}")
        return None
    names = [(canonical_tool(".".join(parts[1:end])), parts[end:]) for end in range(len(parts) - 1, 1, -1)]
    return Fact(*next((candidate for candidate in names if candidate[0] in listed), names[-1]))


def _check_facts(entries: Mapping[str, ToolEntry], mistakes: Mistakes) -> None:
    """One name, one source: facts of a conversation are kept by name."""
    sources: dict[str, Fact] = {}
    for tool, entry in entries.items():
        for name, source in entry.facts.items():
            if sources.setdefault(name, source) != source:
                mistakes.add(f"tools.{tool}.facts.{name}", "has another source in another tool: use two names")
