"""A copy of what is about to be judged: the tool runs on it, whoever holds and changes what was given."""

import json
from enum import Enum
from typing import Any

_PLAIN = frozenset({str, int, float, bool, type(None)})


def copied(value: Any) -> Any:
    """Dicts, lists and tuples copied to the bottom; anything else that is not plain, as JSON has it.

    A member of an Enum stays what it is. What JSON does not know stays too: proposing it is refused. Raises
    RecursionError where it is deeper than Python goes.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {copied(name): copied(one) for name, one in value.items()}
    if kind is list or kind is tuple:
        return kind(map(copied, value))
    if isinstance(value, Enum):
        return value
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return value
