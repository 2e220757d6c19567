"""Conditions over several actions of a conversation: `{sum: FIELD, by: conversation, over: 24h, operator, value}`.

They count the judged proposal, and what the fold says came earlier (`Earlier`): every action that was allowed and not
reported as `error`, and every one that was executed without a decision. Only tools count for which `tools.yaml` maps
the field. `count` is the number of those actions, whatever their values.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Literal, NamedTuple

from handrail.policies.lookup import Getter, Place, reader
from handrail.policies.mistakes import Mistakes, instead, shown
from handrail.policies.names import MISSING, path_parts
from handrail.policies.numeric import as_json, number
from handrail.policies.operators import Test, test_of
from handrail.policies.shape import at, known_keys, required, text
from handrail.policies.subject import Counted, Earlier, Subject
from handrail.policies.truth import INCOMPARABLE, MISSING_FIELD, MISSING_MAPPED

MEASURES = ("sum", "count")
KEYS = (*MEASURES, "by", "over", "operator", "value")
OPERATORS = (
    "max_value",
    "min_value",
    "greater_than",
    "less_than",
    "greater_than_or_equal",
    "greater_than_or_equals",
    "less_than_or_equal",
    "less_than_or_equals",
    "between",
)
BY = "conversation"
OVER_DAYS_MAX = 30
OVER = r"[1-9][0-9]{0,6}[smhd]"
UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
PARTS_MAX = 10  # that evidence lists

ADDED_MAX = 10**18  # what is as large is not added, nor what has more decimals than
DECIMALS_MAX = 30
_EXACT = Context(prec=60)  # 18 digits before the point, 30 after it, and room for the most parts of a sum


class Total(NamedTuple):
    """A sum or a number of actions, and its parts as (offset, value); `unknown` says why there is none."""

    value: int | Decimal
    parts: tuple[tuple[int, str | None], ...]
    unknown: str | None = None


def addable(value: Any) -> Decimal | None:
    """The number to be added, or None: what is no number cannot be, nor what would make room for more (below zero)."""
    read = number(value)
    if read is None or not 0 <= read < ADDED_MAX:
        return None
    exact = Decimal(read)
    exponent = exact.as_tuple().exponent
    return exact if isinstance(exponent, int) and exponent >= -DECIMALS_MAX else None


@dataclass(frozen=True, slots=True)
class Cumulative:
    """A sum of a field, or a number of actions that have it, compared. `path` is where it stands in its file."""

    measure: Literal["sum", "count"]
    field: str
    parts: tuple[str, ...]
    over: str
    operator: str
    threshold: Any
    test: Test
    path: str = ""

    @property
    def over_ms(self) -> int:
        """The window, by the time of the log."""
        return milliseconds(self.over)

    def leaves(self) -> Iterator["Cumulative"]:
        yield self

    def bind(self, find: Callable[[tuple[str, ...]], Place]) -> Callable[[Subject], int]:
        total, test, missing = self.total(find), self.test, self.missing(find(self.parts))

        def holds(subject: Subject) -> int:
            sum_ = total(subject)
            if sum_ is None:
                return missing
            return INCOMPARABLE if sum_.unknown else test(sum_.value)

        return holds

    def total(self, find: Callable[[tuple[str, ...]], Place]) -> Callable[[Subject], Total | None]:
        """What it comes to with the subject; None where the tool does not have the field, or the call not its value."""
        where = find(self.parts)
        if not mapped(where):
            return lambda subject: None
        get, over_ms = reader(where), self.over_ms

        def of(subject: Subject) -> Total | None:
            own = get(subject)
            if own is MISSING and self.measure == "sum":
                return None
            earlier = subject.earlier or Earlier((), 0, 0, 0)
            since = earlier.now_ms - over_ms
            parts = [
                (action.offset, action.values[self.field]) for action in earlier.actions if self._counts(action, since)
            ]
            own = addable(own)
            parts.append((earlier.offset, None if own is None else str(own)))
            complete = not earlier.lost_ms or earlier.lost_ms < since
            return self._of(tuple(parts), complete)

        return of

    def _counts(self, action: Counted, since_ms: int) -> bool:
        return action.at_ms >= since_ms and self.field in action.values

    def _of(self, parts: tuple[tuple[int, str | None], ...], complete: bool) -> Total:
        if not complete:
            return Total(0, parts, f"more actions than are remembered lie within {self.over}")
        if self.measure == "count":
            return Total(len(parts), parts)
        total = Decimal(0)
        for offset, value in parts:
            if value is None:
                return Total(0, parts, f"the {self.field} at offset {offset} cannot be added")
            total = _EXACT.add(total, Decimal(value))
        return Total(total, parts)

    def missing(self, where: Place) -> int:
        """What holds where there is no total: a tool that is not mapped is passed over as without any field."""
        return MISSING_MAPPED if mapped(where) else MISSING_FIELD


def mapped(where: Place) -> bool:
    """Whether `fields` of `tools.yaml` says where the judged tool has the field."""
    return where.mapped and where.key is None


def milliseconds(written: str) -> int:
    """Of a time such as `90s`, `30m`, `24h` or `7d`."""
    return int(written[:-1]) * UNITS_MS[written[-1]]


def duration(value: Any, path: str, mistakes: Mistakes) -> str | None:
    """A time such as 24h, at most 30d, or None after noting the mistake."""
    if isinstance(value, str) and re.fullmatch(OVER, value) and milliseconds(value) <= OVER_DAYS_MAX * UNITS_MS["d"]:
        return value
    mistakes.add(path, f"must be a time such as 30m, 24h or 7d, at most {OVER_DAYS_MAX}d, got {shown(value)}")
    return None


def read_cumulative(parts: dict[str, Any], path: str, mistakes: Mistakes) -> Cumulative | None:
    """The condition of a mapping with `sum` or `count`, or None after noting what is wrong."""
    before = len(mistakes.entries)
    known_keys(parts, path, KEYS, mistakes)
    measure: Literal["sum", "count"] = "sum" if "sum" in parts else "count"
    if all(key in parts for key in MEASURES):
        mistakes.add(at(path, "count"), "stands beside sum: write two conditions, joined by all or any")
    name = text(parts[measure], at(path, measure), mistakes)
    names = path_parts(name) if name else None
    if name and names is None:
        mistakes.add(at(path, measure), f"must be the name of a field of tools.yaml, got {shown(name)}")
    _by(parts.get("by", BY), at(path, "by"), mistakes)
    over = required(parts, path, "over", "the time that counts, such as 24h", mistakes)
    window = duration(over, at(path, "over"), mistakes) if "over" in parts else None
    compared = _compared(parts, path, mistakes)
    if len(mistakes.entries) > before or not name or names is None or window is None or compared is None:
        return None
    operator, test = compared
    return Cumulative(measure, name, names, window, operator, as_json(parts["value"]), test, at(path, measure))


def _by(value: Any, path: str, mistakes: Mistakes) -> None:
    if value == "customer":
        mistakes.add(path, "customer comes with a later version: a sum is of one conversation, write conversation")
    elif value != BY:
        mistakes.add(path, f"must be {BY}, got {shown(value)}")


def _compared(parts: dict[str, Any], path: str, mistakes: Mistakes) -> tuple[str, Test] | None:
    operator = required(parts, path, "operator", "one such as greater_than", mistakes)
    value = required(parts, path, "value", "what to compare with", mistakes)
    if "operator" in parts and operator not in OPERATORS:
        word = operator if isinstance(operator, str) else ""
        mistakes.add(at(path, "operator"), f"{shown(operator)} compares no numbers: {instead(word, OPERATORS)}")
    if operator not in OPERATORS or "value" not in parts:
        return None
    try:
        return operator, test_of(False, False, operator, value)
    except ValueError as error:
        mistakes.add(at(path, "value"), str(error))
        return None


def getters(fields: Mapping[str, tuple[str, ...]], summed: frozenset[str]) -> tuple[tuple[str, Getter], ...]:
    """How to read those fields of a tool that conditions sum or count; empty where it has none of them."""
    return tuple((name, reader(Place(way[0], way[1:]))) for name, way in fields.items() if name in summed)
