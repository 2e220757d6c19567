"""What entries keep of messages, arguments and results.

Fields that are secret by their name are left out, and what is long is cut. What a value shows to be secret is
taken out where a handoff is built (handoff_body.py): looking for it takes longer, and few conversations are handed off.
"""

from functools import lru_cache
from typing import Any, Literal

import orjson

from handrail.schemas.canonical import digest
from handrail.streams.governor.entries import Message
from handrail.streams.governor.redaction import REDACTED, cut, is_secret
from handrail.streams.governor.redaction.text import LOOK_MAX

TEXT_MAX = 2000  # characters of one message
VALUE_MAX = 256  # bytes of arguments or a result before they are cut

DEPTH_MAX = 16
_NESTED = (dict, list)
NAME_MAX = 64  # longer names must not fill a cache


def redact(value: Any, path: str = "", paths: list[str] | None = None, depth: int = 0) -> tuple[Any, list[str]]:
    """The value without what its names say is secret, and the paths of what was taken out."""
    paths = [] if paths is None else paths
    if depth > DEPTH_MAX:
        return value, paths
    if isinstance(value, dict):
        return _redact_named(value, path, paths, depth), paths
    if isinstance(value, list):
        return [redact(inner, f"{path}[{at}]", paths, depth + 1)[0] for at, inner in enumerate(value)], paths
    return value, paths


def _redact_named(value: dict[str, Any], path: str, paths: list[str], depth: int) -> dict[str, Any]:
    shown = {}
    for name, inner in value.items():
        if inner is not None and is_secret(name):
            paths.append(f"{path}.{name}" if path else name)
            inner = REDACTED
        elif isinstance(inner, _NESTED):
            inner = redact(inner, f"{path}.{name}" if path else name, paths, depth + 1)[0]
        shown[name] = inner
    return shown


def _nothing_secret(value: Any) -> bool:
    """Whether there is surely nothing to take out: no name in it is secret, and nothing lies deeper."""
    if type(value) is not dict:
        return type(value) not in _NESTED
    for name, inner in value.items():
        if type(inner) in _NESTED or len(name) > NAME_MAX or _cached_is_secret(name):
            return False
    return True


_cached_is_secret = lru_cache(4096)(is_secret)


def shown(value: Any, path: str) -> tuple[bytes, list[str]]:
    """(JSON, redacted paths) of arguments or a result: whole while small, else its start with size and digest."""
    safe, paths = (value, []) if _nothing_secret(value) else redact(value, path)
    text = orjson.dumps(safe)
    if len(text) <= VALUE_MAX:
        return text, paths
    around, start = (text[:most].decode(errors="ignore") for most in (VALUE_MAX + LOOK_MAX, VALUE_MAX))
    return orjson.dumps({"cut": cut(around, len(start)), "bytes": len(text), "sha256": digest(value)}), paths


def message(
    role: Literal["customer", "assistant", "human_agent", "customer_action"], text: str, at_ms: int, offset: int
) -> Message:
    """A message of the transcript, its text cut to TEXT_MAX characters."""
    return Message(role, cut(text, TEXT_MAX), at_ms, offset, len(text) > TEXT_MAX)
