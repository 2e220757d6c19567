"""Checks that every file of a bundle shares: keys that are known, and values of the right kind.

Each returns the value where it is right, and None (or an empty one) after noting the mistake.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from handrail.policies.mistakes import Mistakes, instead, listed, shown
from handrail.policies.numeric import number
from handrail.schemas.identity import identity, mistake_in, twice

TEXT_CHARACTERS_MAX = 4_096
LIST_MAX = 1_000


def at(path: str, key: str) -> str:
    """The path of `key` inside `path`."""
    return f"{path}.{key}" if path else key


def mapping(value: Any, path: str, mistakes: Mistakes, example: str) -> dict[str, Any]:
    """A mapping, or an empty one after noting the mistake."""
    if isinstance(value, dict):
        return value
    mistakes.add(path, f"must be a mapping such as {example}, got {shown(value)}")
    return {}


def known_keys(value: Mapping[str, Any], path: str, known: Collection[str], mistakes: Mistakes) -> None:
    """Note every key that is not known, with the nearest one that is."""
    for key in value:
        if key not in known:
            mistakes.add(at(path, key), f"is not known here: {instead(key, sorted(known))}")


def required(value: Mapping[str, Any], path: str, key: str, what: str, mistakes: Mistakes) -> Any:
    """The value of a key that must be there; `what` says what to write."""
    if key not in value:
        mistakes.add(at(path, key), f"is missing: write {what}")
    return value.get(key)


def text(value: Any, path: str, mistakes: Mistakes) -> str | None:
    """Text that is not empty, at most 4,096 characters."""
    if not isinstance(value, str) or not value.strip():
        mistakes.add(path, f"must be text, got {shown(value)}")
        return None
    if len(value) > TEXT_CHARACTERS_MAX:
        mistakes.add(path, f"has {len(value)} characters: write at most {TEXT_CHARACTERS_MAX}")
        return None
    return value


def texts(value: Any, path: str, mistakes: Mistakes) -> tuple[str, ...]:
    """One text or a list of them, never empty."""
    if isinstance(value, str):
        value = [value]
    items = items_of(value, path, mistakes, "texts")
    read = [text(item, f"{path}[{index}]", mistakes) for index, item in enumerate(items)]
    return tuple(item for item in read if item is not None)


def identities(value: Any, path: str, mistakes: Mistakes) -> frozenset[str]:
    """One id of an agent or a tenant, or a list of them, folded."""
    names = texts(value, path, mistakes)
    for index, name in enumerate(names):
        _check_visible(name, f"{path}[{index}]", mistakes)
    return frozenset(map(identity, names))


def named_once(value: Mapping[str, Any], path: str, mistakes: Mistakes) -> None:
    """Note a key that is no id of an agent or a tenant, and one that is another key in another spelling."""
    for name in value:
        _check_visible(name, at(path, name), mistakes)
    if (same := twice(value)) is not None:
        mistakes.add(at(path, same[1]), f"is the same as {shown(same[0])}, which is there already: keep one of them")


def _check_visible(name: str, path: str, mistakes: Mistakes) -> None:
    if (mistake := mistake_in(name)) is not None:
        mistakes.add(path, f"{mistake}, in {name!a}")


def items_of(value: Any, path: str, mistakes: Mistakes, of: str) -> list[Any]:
    """A list with 1 to 1,000 items, or an empty one after noting the mistake."""
    if not isinstance(value, list) or not value:
        mistakes.add(path, f"must be a list of {of}, got {shown(value)}")
        return []
    if len(value) > LIST_MAX:
        mistakes.add(path, f"has {len(value)} items: write at most {LIST_MAX}")
        return []
    return value


def choice(value: Any, path: str, choices: Collection[str], mistakes: Mistakes) -> str | None:
    """One of the words in `choices`."""
    if isinstance(value, str) and value in choices:
        return value
    near = f": {instead(value, choices)}" if isinstance(value, str) and len(choices) > 4 else ""
    mistakes.add(
        path,
        f"must be {listed(choices)}, got {shown(value)}{near}" if not near else f"{shown(value)} is not known{near}",
    )
    return None


def truth(value: Any, path: str, mistakes: Mistakes) -> bool | None:
    """True or false."""
    if isinstance(value, bool):
        return value
    mistakes.add(path, f"must be true or false, got {shown(value)}")
    return None


def integer(value: Any, path: str, least: int, most: int, mistakes: Mistakes) -> int | None:
    """A whole number from `least` to `most`."""
    if type(value) is int and least <= value <= most:
        return value
    mistakes.add(path, f"must be a whole number from {least} to {most}, got {shown(value)}")
    return None


def decimal(value: Any, path: str, mistakes: Mistakes) -> int | Decimal | None:
    """A number, or text that is one by the grammar of policies."""
    read = number(value)
    if read is None:
        mistakes.add(path, f"must be a number, got {shown(value)}")
    return read
