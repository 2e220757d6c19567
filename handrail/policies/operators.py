"""The operators of conditions. Each reads its threshold once, and then answers yes, no or why it cannot be known.

A threshold that cannot be used raises ValueError with what to write instead; `OPERATORS` has every spelling.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TypeAlias

import re2

from handrail.policies.mistakes import shown
from handrail.policies.names import MISSING, Unreadable, tool_matcher
from handrail.policies.numeric import number
from handrail.policies.shape import LIST_MAX
from handrail.policies.truth import INCOMPARABLE, MISSING_FIELD, MISSING_MAPPED, NO, YES
from handrail.schemas.identity import identity

Test: TypeAlias = Callable[[Any], int]
"""Of the value that a field has (never MISSING or Unreadable): yes, no or INCOMPARABLE."""

PATTERN_CHARACTERS_MAX = 1_000
PATTERN_BYTES_MAX = 1_000_000


def opposite(of: Callable[[Any], Test]) -> Callable[[Any], Test]:
    """The operator that says yes where `of` says no."""

    def opposed(threshold: Any) -> Test:
        test = of(threshold)

        def turned(value: Any) -> int:
            truth = test(value)
            return 1 - truth if truth <= YES else truth

        return turned

    return opposed


def above(threshold: Any) -> Test:
    limit = _number(threshold)

    def test(value: Any) -> int:
        if type(value) is not int:
            value = number(value)
            if value is None:
                return INCOMPARABLE
        return YES if value > limit else NO

    return test


def below(threshold: Any) -> Test:
    limit = _number(threshold)

    def test(value: Any) -> int:
        if type(value) is not int:
            value = number(value)
            if value is None:
                return INCOMPARABLE
        return YES if value < limit else NO

    return test


def between(threshold: Any) -> Test:
    """Both ends belong to it."""
    if not isinstance(threshold, list) or len(threshold) != 2:
        raise ValueError(f"must be two numbers such as [100, 500], got {shown(threshold)}")
    low, high = (_number(end) for end in threshold)
    if low > high:
        raise ValueError(f"must be the lower number first, got {shown(threshold)}")

    def test(value: Any) -> int:
        compared = number(value)
        if compared is None:
            return INCOMPARABLE
        return YES if low <= compared <= high else NO

    return test


def _number(threshold: Any) -> int | Decimal:
    read = number(threshold)
    if read is None:
        raise ValueError(f"must be a number, got {shown(threshold)}")
    return read


def equals(threshold: Any) -> Test:
    """Texts are equal letter by letter; a number equals every spelling of it; words are no numbers, nor the reverse."""
    return in_list([_scalar(threshold)])


def in_list(threshold: Any) -> Test:
    """Whether one of the list equals the value."""
    if not isinstance(threshold, list) or not threshold:
        raise ValueError(f"must be a list such as [gold, silver], got {shown(threshold)}")
    if len(threshold) > LIST_MAX:
        raise ValueError(f"has {len(threshold)} items: write at most {LIST_MAX}")
    scalars = [_scalar(item) for item in threshold]
    texts = frozenset(item for item in scalars if isinstance(item, str))
    truths = frozenset(item for item in scalars if isinstance(item, bool))
    written = frozenset(item for item in scalars if not isinstance(item, bool | str))
    numbers = written | _numbers(texts)

    def test(value: Any) -> int:
        kind = type(value)
        if kind is str:
            return YES if value in texts or (written and number(value) in written) else NO
        if kind is bool:
            return YES if value in truths else NO
        compared = number(value)
        if compared is None:
            return INCOMPARABLE
        return YES if compared in numbers else NO

    return test


def _numbers(texts: Iterable[str]) -> frozenset[int | Decimal]:
    read = (number(text) for text in texts)
    return frozenset(item for item in read if item is not None)


def _scalar(threshold: Any) -> Any:
    if threshold is None:
        raise ValueError("null compares with nothing: use the operator exists")
    if isinstance(threshold, list | dict):
        raise ValueError(f"must be one text, number, true or false, got {shown(threshold)}: use in_list for several")
    return threshold


def contains(threshold: Any) -> Test:
    """Whether the text stands anywhere in the value, in any case; in lists and objects, in any part or key of them."""
    if isinstance(threshold, bool | list | dict) or threshold is None or str(threshold) == "":
        raise ValueError(f"must be text, got {shown(threshold)}")
    needle = str(threshold).casefold()

    def test(value: Any) -> int:
        if type(value) is str:
            return YES if needle in value.casefold() else NO
        if value is None:
            return INCOMPARABLE
        return YES if any(needle in text.casefold() for text in _texts(value)) else NO

    return test


def _texts(value: Any) -> Iterable[str]:
    """Every text in a value, keys of objects too; numbers, true and false as JSON writes them."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting.extend(part)
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)
        elif part is not None:
            yield _as_text(part)


def _as_text(scalar: Any) -> str:
    if isinstance(scalar, str):
        return scalar
    return str(scalar).lower() if isinstance(scalar, bool) else str(scalar)


def matches(threshold: Any) -> Test:
    """Whether the RE2 pattern is found anywhere in the text; `^` and `$` tie it to the ends."""
    if not isinstance(threshold, str) or not threshold or len(threshold) > PATTERN_CHARACTERS_MAX:
        raise ValueError(f"must be a pattern of 1 to {PATTERN_CHARACTERS_MAX} characters, got {shown(threshold)}")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_BYTES_MAX
    try:
        search = re2.compile(threshold, options).search
    except re2.error as error:
        raise ValueError(f"is no RE2 pattern: {_reason(error)}, got {shown(threshold)}") from None

    def test(value: Any) -> int:
        if value is None or isinstance(value, dict | list):
            return INCOMPARABLE
        return YES if search(_as_text(value)) else NO

    return test


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else "cannot be read"
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def is_tool(threshold: Any) -> Test:
    """`equals` and `in_list` on a tool's name: every spelling of it, and a bare name also as the last segment."""
    names = threshold if isinstance(threshold, list) else [threshold]
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(f"must be the name of a tool, or a list of names, got {shown(threshold)}")
    among = tool_matcher(names)
    return lambda value: YES if among(value) else NO


def is_id(of: Callable[[Any], Test], exact: bool) -> Callable[[Any], Test]:
    """The operator `of` on an agent or a tenant: every spelling of it; a pattern (not `exact`) may fit the text too."""

    def of_ids(threshold: Any) -> Test:
        listed = [_identity(item) for item in threshold] if isinstance(threshold, list) else _identity(threshold)
        test = of(listed if exact else threshold)

        def folded(value: Any) -> int:
            truth = test(_identity(value))
            return truth if exact or truth == YES else test(value)

        return folded

    return of_ids


def _identity(value: Any) -> Any:
    return identity(value) if isinstance(value, str) else value


OPERATORS: dict[str, Callable[[Any], Test]] = {
    "max_value": above,
    "greater_than": above,
    "requires_approval": above,
    "min_value": below,
    "less_than": below,
    "greater_than_or_equal": opposite(below),
    "greater_than_or_equals": opposite(below),
    "less_than_or_equal": opposite(above),
    "less_than_or_equals": opposite(above),
    "between": between,
    "equals": equals,
    "not_equals": opposite(equals),
    "in_list": in_list,
    "in": in_list,
    "not_in_list": opposite(in_list),
    "not_in": opposite(in_list),
    "contains": contains,
    "not_contains": opposite(contains),
    "matches": matches,
}
"""Every operator that compares a value; `exists` stands apart, because only it can see that a field is missing."""

TOOL_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "equals": is_tool,
    "not_equals": opposite(is_tool),
    "in_list": is_tool,
    "in": is_tool,
    "not_in_list": opposite(is_tool),
    "not_in": opposite(is_tool),
}


EXACT = frozenset(TOOL_OPERATORS)


def test_of(field_is_tool: bool, field_is_id: bool, name: str, threshold: Any) -> Test:
    """The test that the operator makes of the threshold. Raises ValueError where the threshold is no good."""
    if field_is_id and (name in EXACT or name == "matches"):
        return is_id(OPERATORS[name], exact=name in EXACT)(threshold)
    table = TOOL_OPERATORS if field_is_tool and name in TOOL_OPERATORS else OPERATORS
    return table[name](threshold)


def argument_leaf(name: str, test: Test, mapped: bool) -> Callable[[Any], int]:
    """As `leaf`, for a plain argument of a call: half of all conditions, so it saves a function call."""
    missing = MISSING_MAPPED if mapped else MISSING_FIELD

    def holds(subject: Any) -> int:
        value = subject.arguments.get(name, MISSING)
        return missing if value is MISSING else test(value)

    return holds


def leaf(get: Callable[[Any], Any], test: Test, mapped: bool) -> Callable[[Any], int]:
    """The condition that a field, looked up by `get` in the subject, passes the test.

    `mapped`: `tools.yaml` says that the tool has the field.
    """
    missing = MISSING_MAPPED if mapped else MISSING_FIELD

    def holds(subject: Any) -> int:
        value = get(subject)
        if value is MISSING:
            return missing
        return INCOMPARABLE if type(value) is Unreadable else test(value)

    return holds


def exists(get: Callable[[Any], Any], wanted: bool) -> Callable[[Any], int]:
    """The condition that a field is there (null included), or is not; not comparable where nobody can say."""

    def holds(subject: Any) -> int:
        value = get(subject)
        if type(value) is Unreadable:
            return INCOMPARABLE
        return YES if (value is not MISSING) is wanted else NO

    return holds
