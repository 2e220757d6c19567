"""The part of a result that is compared with the one before: without volatile fields and memory addresses.

A result that a program wrote as text may hold where an object lay (`<Order object at 0x7f12a0>`), which says nothing.
"""

import re
from collections.abc import Collection
from hashlib import sha256
from typing import Any

from handrail.schemas.canonical import canonical
from handrail.schemas.errors import SchemaError
from handrail.schemas.strict_json import loads
from handrail.streams.governor.fold_context import ActionCall, FoldContext
from handrail.streams.governor.repeat import RESULT

NO_RESULT = b"\x00" * RESULT
ADDRESS = b" at 0x"
_ADDRESS = re.compile(rb" at 0x[0-9a-fA-F]+(?=[ >])")
Path = tuple[str, ...]


def digest(context: FoldContext, call: ActionCall, status: str, result: Any) -> bytes:
    """Two bytes of digest of an outcome of a call; never all zero, which means no result yet."""
    volatile = context.bundle.volatile(call.tool)
    compared = canonical(without(result, volatile) if volatile else result)
    if ADDRESS in compared:
        compared = _ADDRESS.sub(b"", compared)
    outcome = sha256(status.encode() + b"\x00" + compared).digest()[:RESULT]
    return outcome if outcome != NO_RESULT else b"\x00\x01"


def without(result: Any, volatile: Collection[Path]) -> Any:
    """The result without what lies at the end of these paths, wherever they begin; a text that is JSON counts as it."""
    return _without(_read(result) if type(result) is str else result, volatile, ())


def _without(value: Any, volatile: Collection[Path], at: Path) -> Any:
    if type(value) is list:
        return [_without(item, volatile, at) for item in value]
    if type(value) is not dict:
        return value
    rest = {}
    for name, inner in value.items():
        here = (*at, name)
        if not any(here[-len(path) :] == path for path in volatile):
            rest[name] = _without(inner, volatile, here)
    return rest


def _read(text: str) -> Any:
    if text[:1] not in ("{", "["):
        return text
    try:
        return loads(text.encode())
    except (SchemaError, ValueError):
        return text
