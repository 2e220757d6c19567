"""Entries: what was said and tried in a conversation, each written once under `<conversation>\\0<n>`.

Fields that are secret by their name are not kept. What a value shows to be secret is taken out where a handoff is built
(dossier.py): looking for it takes longer, and most conversations are never handed off.

A handoff is built from them. They are kept beside the head so that a batch writes a kilobyte, not the whole story.
"""

from hashlib import sha256
from typing import Any, Literal

import msgspec
import orjson

from handrail.schemas.canonical import canonical, digest
from handrail.streams.governor.redaction import REDACTED, cut, is_secret
from handrail.streams.governor.redaction.cut import LOOK_MAX

ENTRIES_MAX = 600  # of one conversation; older ones are found on the log by their offset
TEXT_MAX = 2000  # characters of one message
VALUE_MAX = 256  # bytes of arguments or a result before they are cut

DEPTH_MAX = 16
_NESTED = (dict, list)


class Said(msgspec.Struct, array_like=True, tag="s"):
    """One message of the transcript."""

    role: Literal["customer", "assistant", "human_agent", "customer_action"]
    text: str
    at_ms: int
    offset: int
    cut: bool = False


class Tried(msgspec.Struct, array_like=True, tag="t"):
    """One proposal, and what was decided. `arguments` is JSON, cut beyond VALUE_MAX bytes."""

    step: int
    action_id: str
    tool: str
    arguments: bytes
    decision_id: str
    verdict: int
    at_ms: int
    offset: int
    redacted: list[str] = []


class Done(msgspec.Struct, array_like=True, tag="d"):
    """One execution. `governed` is false where no decision allowed it; then it is an attempt of its own."""

    action_id: str
    tool: str
    status: str
    result: bytes
    governed: bool
    at_ms: int
    offset: int
    error: str = ""
    arguments: bytes = b""
    step: int = 0
    redacted: list[str] = []


Entry = Said | Tried | Done

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Entry).decode


def redact(value: Any, path: str = "", found: list[str] | None = None, depth: int = 0) -> tuple[Any, list[str]]:
    """The value without what its names say is secret, and the paths of what was taken out."""
    found = [] if found is None else found
    if depth > DEPTH_MAX:
        return value, found
    if isinstance(value, dict):
        return _redact_named(value, path, found, depth), found
    if isinstance(value, list):
        return [redact(inner, f"{path}[{at}]", found, depth + 1)[0] for at, inner in enumerate(value)], found
    return value, found


def _redact_named(value: dict[str, Any], path: str, found: list[str], depth: int) -> dict[str, Any]:
    kept = {}
    for name, inner in value.items():
        if inner is not None and is_secret(name):
            found.append(f"{path}.{name}" if path else name)
            inner = REDACTED
        elif isinstance(inner, _NESTED):
            inner = redact(inner, f"{path}.{name}" if path else name, found, depth + 1)[0]
        kept[name] = inner
    return kept


def shown(value: Any, path: str) -> tuple[bytes, list[str]]:
    """(JSON, redacted paths) of arguments or a result: whole while small, else its start with size and digest."""
    safe, found = redact(value, path)
    text = orjson.dumps(safe)
    if len(text) <= VALUE_MAX:
        return text, found
    known, kept = (text[:most].decode(errors="ignore") for most in (VALUE_MAX + LOOK_MAX, VALUE_MAX))
    return orjson.dumps({"cut": cut(known, len(kept)), "bytes": len(text), "sha256": digest(value)}), found


def said(
    role: Literal["customer", "assistant", "human_agent", "customer_action"], text: str, at_ms: int, offset: int
) -> Said:
    """A message of the transcript, its text cut to TEXT_MAX characters."""
    return Said(role, cut(text, TEXT_MAX), at_ms, offset, len(text) > TEXT_MAX)


def result_digest(status: str, result: Any) -> bytes:
    """Three bytes that tell one outcome of a call from another; never all zero, which means no result yet."""
    found = sha256(status.encode() + b"\x00" + canonical(result)).digest()[:3]
    return found if any(found) else b"\x00\x00\x01"
