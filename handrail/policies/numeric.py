"""What a policy takes for a number, and how numbers compare: as exact decimals, never as binary floats."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

CHARACTERS_MAX = 64

_NUMBER = re.compile(r" *[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)? *").fullmatch


def number(value: Any) -> int | Decimal | None:
    """The number that `value` is, or None where it is none.

    A JSON number, or ASCII text `[+-]?digits[.digits][e[+-]digits]` with spaces around, at most 64 characters. True,
    lists, null, infinity and every other spelling (`$900`, `1,000`, `.5`) are no numbers.
    """
    kind = type(value)
    if kind is int:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return _finite(Decimal(repr(value)))
    if kind is str:
        return from_text(value)
    return _finite(value) if kind is Decimal else None


def from_text(text: str) -> int | Decimal | None:
    """The number written in `text`, or None."""
    match = _NUMBER(text) if len(text) <= CHARACTERS_MAX else None
    if match is None:
        return None
    if match.lastindex is None:
        return int(text)
    try:
        return Decimal(text.strip(" "))
    except InvalidOperation:  # an exponent of more than 18 digits
        return None


def _finite(value: Decimal) -> Decimal | None:
    return value if value.is_finite() else None


def scaled(value: int | Decimal, decimals: int) -> int | None:
    """`value` times ten to the `decimals`, exactly; None where that is no whole number. For values under a million."""
    if isinstance(value, int):
        return int(value * 10**decimals)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    shift = exponent + decimals
    units = int("".join(map(str, digits)))
    if shift >= 0:
        units *= 10 ** min(shift, CHARACTERS_MAX) if units else 1
    elif units:
        units, rest = divmod(units, 10 ** min(-shift, CHARACTERS_MAX))
        if rest:
            return None
    return -units if sign else units


def as_json(value: Any) -> Any:
    """A threshold as a decision can carry it: a decimal as the number it is, or as text where JSON would round it."""
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if not isinstance(value, Decimal):
        return value
    near = float(value)
    return near if Decimal(repr(near)) == value else str(value)
