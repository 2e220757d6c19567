"""Whether any rule of a plan can say anything to a proposal: their plain comparisons, field by field, asked together.

Only what is surely no is left out, so that nearly every proposal is judged without asking one rule after the other.
What a comparison means stands in operators.py; whatever is not covered here is asked there.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from math import ceil, floor, inf
from typing import Any, NamedTuple, TypeAlias, TypeVar

from handrail.policies.condition import Condition, Find, Group, Leaf
from handrail.policies.cumulative import Cumulative, mapped
from handrail.policies.names import MISSING
from handrail.policies.numeric import number, scaled
from handrail.policies.subject import Skipped

EXACT_MAX = 2**53 - 1  # and one beyond: a double holds these, which is what compiled code makes of the bounds
FINITE_MAX = sys.float_info.max  # what is infinite, or no number, has to be asked
PICO_DIGITS = 12
SCALED_MAX = 10**6  # dollars, below which `scaled` is exact

_ABOVE = frozenset({"max_value", "greater_than", "requires_approval"})
_BELOW = frozenset({"min_value", "less_than"})
_NOT_BELOW = frozenset({"greater_than_or_equal", "greater_than_or_equals"})
_NOT_ABOVE = frozenset({"less_than_or_equal", "less_than_or_equals"})
_EQUAL = frozenset({"equals", "in_list", "in"})

Notes: TypeAlias = tuple[tuple[int, Skipped], ...]
"""Rules that are passed over, each with its place in the plan."""


class Number(NamedTuple):
    """Asks for an argument that is a number from `low` to `high`: with it the condition is surely no.

    The bounds are whole, up to EXACT_MAX: there a double compares with them as its decimal digits do. `notes` are of
    the rules that are passed over where the argument is absent; None where one has to be asked then.
    """

    name: str
    low: float = -FINITE_MAX
    high: float = FINITE_MAX
    notes: Notes | None = None


class Text(NamedTuple):
    """Asks for an argument that is a text, none of `equal`, with none of `inside` (case-folded) in it.

    `notes` as of a Number.
    """

    name: str
    equal: frozenset[str] = frozenset()
    inside: tuple[str, ...] = ()
    notes: Notes | None = None


class Cost(NamedTuple):
    """Asks that the execution has cost so much at most, in pico-dollars (1e-12 USD)."""

    pico_max: int


class Either(NamedTuple):
    """Asks that all of one of these are met."""

    ways: tuple[tuple["Need", ...], ...]


Need: TypeAlias = Number | Text | Cost | Either
"""What has to be met for a condition to be surely no."""

N = TypeVar("N", Number, Text)


class Screen:
    """The needs of all rules together: where they are met, no rule fires."""

    __slots__ = ("_always", "_cost_pico_max", "_either", "_numbers", "_texts")

    def __init__(self, needs: Iterable[Need], always: Notes = ()) -> None:
        all_needs = list(needs)
        self._always = always  # of rules that are passed over whatever the arguments are
        # Bare tuples: named ones take four times as long to be taken apart.
        self._numbers = [
            (need.name, need.low, need.high, need.notes) for need in _of_each_argument(all_needs, Number, _both_numbers)
        ]
        self._texts = [
            (need.name, need.equal, need.inside, need.notes) for need in _of_each_argument(all_needs, Text, _both_texts)
        ]
        self._cost_pico_max = min((need.pico_max for need in all_needs if isinstance(need, Cost)), default=inf)
        self._either = tuple(tuple(map(Screen, need.ways)) for need in all_needs if isinstance(need, Either))

    def passed(self, arguments: Mapping[str, Any], cost_pico: int) -> Sequence[Skipped] | None:
        """The rules that are passed over, in the order of the plan, where surely no rule fires; None where one may.

        Of a call's arguments, and what its execution has cost so far in pico-dollars (1e-12 USD).
        """
        if cost_pico > self._cost_pico_max:
            return None
        get = arguments.get
        notes: list[tuple[int, Skipped]] = [*self._always]
        for name, low, high, absent in self._numbers:
            value = get(name, MISSING)
            kind = type(value)
            if kind is int or kind is float:
                if not low <= value <= high:
                    return None
            elif value is MISSING and absent is not None:
                notes += absent
            else:
                return None
        for name, equal, inside, absent in self._texts:
            value = get(name, MISSING)
            if type(value) is str:
                if value in equal or (inside and _any_in(inside, value.casefold())):
                    return None
            elif value is MISSING and absent is not None:
                notes += absent
            else:
                return None
        for ways in self._either:
            if all(way.passed(arguments, cost_pico) is None for way in ways):
                return None
        return [skipped for _, skipped in sorted(notes)] if notes else ()


def screen_of(rules: Iterable[tuple[Condition, Skipped | None]], find: Find, tool: str | None) -> Screen:
    """The screen of the rules of a plan; CLOSED where one of them has to be asked each time.

    Each rule comes with its note where it is passed over when its only field is absent, else with None.
    """
    needs: list[Need] = []
    always: list[tuple[int, Skipped]] = []
    for place, (condition, skipped) in enumerate(rules):
        if isinstance(condition, Cumulative) and skipped is not None and not mapped(find(condition.parts)):
            always.append((place, skipped))
            continue
        of_rule = _needs(condition, find, tool)
        if of_rule is None:
            return CLOSED
        if skipped is not None and isinstance(condition, Leaf):
            of_rule = [_noted(need, (place, skipped)) for need in of_rule]
        needs += of_rule
    return Screen(needs, tuple(always))


def _noted(need: Need, note: tuple[int, Skipped]) -> Need:
    return need._replace(notes=(note,)) if isinstance(need, Number | Text) else need


def _needs(condition: Condition, find: Find, tool: str | None) -> list[Need] | None:
    """What has to be met for the condition to be surely no, maybe nothing; None where it is never sure."""
    if isinstance(condition, Leaf):
        return _of_leaf(condition, find, tool)
    return None if isinstance(condition, Cumulative) else _of_group(condition, find, tool)


def _of_group(group: Group, find: Find, tool: str | None) -> list[Need] | None:
    """`all` is no where one part is, `any` where all are; a `not` is asked."""
    of_parts = [_needs(part, find, tool) for part in group.parts]
    sure = [needs for needs in of_parts if needs is not None]
    if group.joined == "any":
        return [need for needs in sure for need in needs] if len(sure) == len(of_parts) else None
    if group.joined == "not" or not sure:
        return None
    if len(sure) == 1 or [] in sure:
        return min(sure, key=len)
    return [Either(tuple(map(tuple, sure)))]


def _of_leaf(leaf: Leaf, find: Find, tool: str | None) -> list[Need] | None:
    root, path, *_ = find(leaf.parts)
    if leaf.test is None:
        return None
    if root == "tool" and not path:
        return [] if tool is not None and not leaf.test(tool) else None
    if root == "usage" and path == ("cost_usd",):
        return _of_cost(leaf)
    return _of_argument(leaf, path[0]) if root == "arguments" and len(path) == 1 else None


def _of_cost(leaf: Leaf) -> list[Need] | None:
    limit = number(leaf.given) if leaf.operator in _ABOVE else None
    if limit is None or not 0 <= limit < SCALED_MAX:
        return None
    pico = scaled(limit, PICO_DIGITS)
    return None if pico is None else [Cost(pico)]


def _of_argument(leaf: Leaf, name: str) -> list[Need] | None:
    operator, given = leaf.operator, leaf.given
    if operator in _EQUAL:
        wanted = given if isinstance(given, list) else [given]
        return [Text(name, frozenset(wanted))] if all(isinstance(text, str) for text in wanted) else None
    if operator == "contains":
        return [Text(name, inside=(given.casefold(),))] if isinstance(given, str) else None
    limit = number(given)
    return _of_number(operator, limit, name) if limit is not None and -EXACT_MAX <= limit <= EXACT_MAX else None


def _of_number(operator: str, limit: int | Decimal, name: str) -> list[Need] | None:
    """What lies between a limit with a fraction and the next whole number is asked."""
    if operator in _ABOVE:
        return [Number(name, high=floor(limit))]
    if operator in _BELOW:
        return [Number(name, low=ceil(limit))]
    if operator in _NOT_ABOVE:
        return [Number(name, low=floor(limit) + 1)]
    return [Number(name, high=ceil(limit) - 1)] if operator in _NOT_BELOW else None


def _of_each_argument(needs: Iterable[Need], kind: type[N], both: Callable[[N, N], N]) -> Iterable[N]:
    """One need of this kind for each argument, which asks what all of them ask."""
    merged: dict[str, N] = {}
    for need in needs:
        if isinstance(need, kind):
            merged[need.name] = both(merged[need.name], need) if need.name in merged else need
    return merged.values()


def _both_numbers(first: Number, second: Number) -> Number:
    return Number(
        first.name, max(first.low, second.low), min(first.high, second.high), _both_notes(first.notes, second.notes)
    )


def _both_texts(first: Text, second: Text) -> Text:
    inside = tuple(dict.fromkeys(first.inside + second.inside))
    return Text(first.name, first.equal | second.equal, inside, _both_notes(first.notes, second.notes))


def _both_notes(first: Notes | None, second: Notes | None) -> Notes | None:
    """None as soon as one rule has to be asked where the argument is absent."""
    return None if first is None or second is None else first + second


def _any_in(parts: Iterable[str], folded: str) -> bool:
    for part in parts:  # noqa: SIM110 - a generator costs twice as much, and this is on the hot path
        if part in folded:
            return True
    return False


CLOSED = Screen([Cost(-1)])
"""What nothing passes."""
