"""Three values, and a note of why one is unknown. Kleene's rules fall out of the order of the numbers.

`NO` < `YES` < `MISSING_FIELD` < `MISSING_MAPPED` < `INCOMPARABLE`: without a no, `all` is the highest of its parts;
without a yes, `any` is; `not` turns only yes and no. So unknown stays unknown, and "through missing fields alone" is
one of the two that say missing; `MISSING_MAPPED` where `tools.yaml` says of one of them that this tool has it.
"""

from collections.abc import Callable
from typing import Final, TypeVar

NO: Final = 0
YES: Final = 1
MISSING_FIELD: Final = 2
MISSING_MAPPED: Final = 3
INCOMPARABLE: Final = 4

S = TypeVar("S")


def all_of(parts: tuple[Callable[[S], int], ...]) -> Callable[[S], int]:
    """No as soon as one part is no; else the highest."""

    def test(subject: S) -> int:
        highest = YES
        for part in parts:
            truth = part(subject)
            if truth == NO:
                return NO
            if truth > highest:
                highest = truth
        return highest

    return test


def any_of(parts: tuple[Callable[[S], int], ...]) -> Callable[[S], int]:
    """Yes as soon as one part is yes; else the highest."""

    def test(subject: S) -> int:
        highest = NO
        for part in parts:
            truth = part(subject)
            if truth == YES:
                return YES
            if truth > highest:
                highest = truth
        return highest

    return test


def not_of(part: Callable[[S], int]) -> Callable[[S], int]:
    """Yes for no, no for yes; unknown stays unknown."""

    def test(subject: S) -> int:
        truth = part(subject)
        return 1 - truth if truth <= YES else truth

    return test
