"""Conditions: `{field, operator, value}`, nested by `all`, `any` and `not`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from handrail.policies.cumulative import MEASURES, Cumulative, read_cumulative
from handrail.policies.lookup import Place, is_id, is_tool, reader
from handrail.policies.mistakes import Mistakes, instead, shown
from handrail.policies.names import path_parts
from handrail.policies.numeric import as_json
from handrail.policies.operators import OPERATORS, Test, argument_leaf, exists, leaf, test_of
from handrail.policies.shape import at, items_of, known_keys, mapping, required, text, truth
from handrail.policies.subject import Subject
from handrail.policies.truth import all_of, any_of, not_of

NESTING_MAX = 32
LEAVES_MAX = 200
GROUPS = ("all", "any", "not")
OF_SUMS = ("over", "window", "within", "per", "by", "group_by", "aggregate")

_SPELLINGS = sorted([*OPERATORS, "exists"])
_SHORT = {
    ">": "greater_than",
    "gt": "greater_than",
    "<": "less_than",
    "lt": "less_than",
    ">=": "greater_than_or_equal",
    "gte": "greater_than_or_equal",
    "ge": "greater_than_or_equal",
    "<=": "less_than_or_equal",
    "lte": "less_than_or_equal",
    "le": "less_than_or_equal",
    "=": "equals",
    "==": "equals",
    "eq": "equals",
    "!=": "not_equals",
    "ne": "not_equals",
    "regex": "matches",
    "present": "exists",
}

Find: TypeAlias = Callable[[tuple[str, ...]], Place]
"""Where the path of a field lies, for one event type and tool."""

Holds: TypeAlias = Callable[[Subject], int]
"""A condition bound to an event type and a tool: the three values of `truth`."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison. `threshold` is as JSON can hold it; `test` None means `exists`, with `wanted`.

    `given` is the threshold as the policy has it: a number with a fraction is a Decimal there.
    """

    field: str
    parts: tuple[str, ...]
    operator: str
    threshold: Any
    test: Test | None
    wanted: bool = True
    given: Any = None

    def bind(self, find: Find) -> Holds:
        where = find(self.parts)
        if self.test is None:
            return exists(reader(where), self.wanted)
        if where.root == "arguments" and len(where.path) == 1:
            return argument_leaf(where.path[0], self.test, where.mapped)
        return leaf(reader(where), self.test, where.mapped)

    def leaves(self) -> Iterator["Leaf"]:
        yield self


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined by `all`, `any` or `not` (which has one)."""

    joined: Literal["all", "any", "not"]
    parts: tuple["Condition", ...]

    def bind(self, find: Find) -> Holds:
        parts = tuple(part.bind(find) for part in self.parts)
        if self.joined == "not":
            return not_of(parts[0])
        return all_of(parts) if self.joined == "all" else any_of(parts)

    def leaves(self) -> Iterator["Leaf | Cumulative"]:
        for part in self.parts:
            yield from part.leaves()


Condition: TypeAlias = Leaf | Cumulative | Group


def read_condition(value: Any, path: str, mistakes: Mistakes) -> Condition | None:
    """The condition, or None after noting what is wrong with it."""
    condition = _condition(value, path, mistakes, 1)
    if condition and sum(1 for _ in condition.leaves()) > LEAVES_MAX:
        mistakes.add(path, f"compares more than {LEAVES_MAX} fields: write several rules")
        return None
    return condition


def _condition(value: Any, path: str, mistakes: Mistakes, depth: int) -> Condition | None:
    if depth > NESTING_MAX:
        mistakes.add(path, f"is nested deeper than {NESTING_MAX}: write it flatter, or as several rules")
        return None
    parts = mapping(value, path, mistakes, "{field: amount, operator: greater_than, value: 100}")
    if not parts or _misread(parts, path, mistakes):
        if value == {}:
            mistakes.add(path, "is empty: write field, operator and value, or all, any or not")
        return None
    joined = [key for key in GROUPS if key in parts]
    if not joined:
        of_several = any(key in parts for key in MEASURES)
        return read_cumulative(parts, path, mistakes) if of_several else _leaf(parts, path, mistakes)
    if len(parts) > 1:
        others = ", ".join(sorted(set(parts) - {joined[0]}))
        mistakes.add(path, f"has {others} beside {joined[0]}: put them inside it, or into another condition")
        return None
    return _group(joined[0], parts[joined[0]], at(path, joined[0]), mistakes, depth)


def _misread(parts: dict[str, Any], path: str, mistakes: Mistakes) -> bool:
    """Whether it is of a kind that is written otherwise, or not known yet."""
    if "expression" in parts:
        mistakes.add(
            at(path, "expression"), "CEL comes with a later version: write field, operator and value, or all, any, not"
        )
        return True
    if any(key in parts for key in MEASURES):
        return False
    alone = [key for key in OF_SUMS if key in parts]
    for key in alone:
        mistakes.add(
            at(path, key),
            "belongs to sum or count: write {sum: amount, by: conversation, over: 24h, operator: max_value, value: 5}",
        )
    return bool(alone)


def _group(joined: Any, value: Any, path: str, mistakes: Mistakes, depth: int) -> Condition | None:
    if joined == "not" and isinstance(value, dict):
        inner = _condition(value, path, mistakes, depth + 1)
        return Group("not", (inner,)) if inner else None
    if joined == "not":
        mistakes.add(path, f"must be one condition, got {shown(value)}: use any or all inside it for several")
        return None
    items = items_of(value, path, mistakes, "conditions")
    parts = [_condition(item, f"{path}[{index}]", mistakes, depth + 1) for index, item in enumerate(items)]
    read = tuple(part for part in parts if part is not None)
    if not items or len(read) < len(parts):
        return None
    return Group(joined, read)


def _leaf(parts: dict[str, Any], path: str, mistakes: Mistakes) -> Leaf | None:
    known_keys(parts, path, ("field", "operator", "value", *GROUPS), mistakes)
    name = required(parts, path, "field", "the name of a field, such as amount", mistakes)
    operator = required(parts, path, "operator", "one such as greater_than", mistakes)
    return read_leaf((name, at(path, "field")), (operator, at(path, "operator")), parts, path, mistakes)


def read_leaf(
    field: tuple[Any, str], operator: tuple[Any, str], parts: dict[str, Any], path: str, mistakes: Mistakes
) -> Leaf | None:
    """A comparison from its parts, each with the path where it stands."""
    names, spelling = _field(*field, mistakes), _operator(*operator, mistakes)
    if spelling == "exists":
        wanted = truth(parts.get("value", True), at(path, "value"), mistakes)
        return Leaf(field[0], names, spelling, wanted, None, wanted is not False) if names else None
    if spelling is None:
        return None
    threshold = required(parts, path, "value", "what to compare with", mistakes)
    if "value" not in parts:
        return None
    try:
        test = test_of(is_tool(names or ()), is_id(names or ()), spelling, threshold)
    except ValueError as error:
        mistakes.add(at(path, "value"), str(error))
        return None
    return Leaf(field[0], names, spelling, as_json(threshold), test, given=threshold) if names else None


def _field(value: Any, path: str, mistakes: Mistakes) -> tuple[str, ...] | None:
    name = text(value, path, mistakes)
    parts = path_parts(name) if name else None
    if name and parts is None:
        mistakes.add(path, f"must be a name or a path such as order.items.0.price, got {shown(value)}")
    return parts


def _operator(value: Any, path: str, mistakes: Mistakes) -> str | None:
    word = value if isinstance(value, str) else ""
    if word in OPERATORS or word == "exists":
        return word
    hint = f"write {_SHORT[word]}" if word in _SHORT else instead(word, _SPELLINGS)
    mistakes.add(path, f"{shown(value)} is no operator: {hint}")
    return None
