"""Where a decision on the topic is not the one that the log gives. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from handrail.audit.decided import Decided, Key

Kind = Literal["missing", "changed", "foreign"]
IGNORED = ("data.signature",)  # added after the fold
FIRST = ("data.verdict", "data.route", "data.decision_id")  # what a person wants to know before all else


class Absent(Enum):
    """A field that is not there. (A value that is one and the same in every process.)"""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
FIELDS_MAX = 20


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field that differs; ABSENT stands for a field that is not there."""

    name: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that is missing, changed, or there without the log asking for it.

    `key` says what it answers (None: it cannot be read), `found` where it lies (None: it is missing), `event_type` the
    type of the record it answers. `why` is a sentence.
    """

    kind: Kind
    partition: int
    key: Key | None
    found: Decided | None
    decision_id: str | None
    event_type: str | None
    why: str
    fields: tuple[FieldDifference, ...] = ()

    @property
    def order(self) -> tuple[int, float, int]:
        """By this the first difference is the first one: the place of the event, then that of the decision."""
        place = float("inf") if self.key is None else self.key[0]
        return self.partition, place, self.found.offset if self.found else -1


def differing(expected: dict[str, Any], found: dict[str, Any]) -> tuple[FieldDifference, ...]:
    """Every field that differs, verdict and route first; at most FIELDS_MAX."""
    fields = sorted(_walk("", expected, found), key=_rank)
    return tuple(fields[:FIELDS_MAX])


def _rank(field: FieldDifference) -> int:
    return FIRST.index(field.name) if field.name in FIRST else len(FIRST)


def _walk(path: str, expected: Any, found: Any) -> Iterator[FieldDifference]:
    if path in IGNORED:
        return
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in dict.fromkeys((*expected, *found)):
            below = f"{path}.{name}" if path else name
            yield from _walk(below, expected.get(name, ABSENT), found.get(name, ABSENT))
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, pair in enumerate(zip(expected, found, strict=True)):
            yield from _walk(f"{path}[{number}]", *pair)
    elif expected != found:
        yield FieldDifference(path, expected, found)
