"""A record of the log as it may be kept: its data without what must not be shown, all that names it untouched."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
import re2

from handrail.streams.governor.redaction.names import pattern as pattern_of_names
from handrail.streams.governor.redaction.redactions import Redactions
from handrail.streams.governor.redaction.text import CANDIDATES, UNSEEN_ONES
from handrail.streams.governor.redaction.view import options, view

KEPT = frozenset(
    f"data.{name}"
    for name in (
        "conversation_id", "execution_id", "parent_execution_id", "tenant", "agent_id", "agent_version", "action_id",
        "response_id", "decision_id", "handoff_id", "alert_id", "follows", "action_digest", "digest", "ruleset", "for",
        "position", "chain", "signature", "usage", "examples", "about.conversation_id", "customer.ref", "log", "tool",
        "resolution.conversation_id", "resolution.handoff_id", "resolution.action_digest", "redactions", "redacted",
        "issuer", "key_id",
    )
)  # fmt: skip
"""What joins records, and what proves them: never looked at, never changed."""


PIECES = r'"[0-9]{1,8}"(?:\s?,\s?"[0-9]{1,8}"){1,18}'
"""A list of groups of digits."""


class Stored(NamedTuple):
    """The bytes to keep, and `{path, kinds}` of what was taken out, by path."""

    value: bytes
    redactions: list[dict[str, Any]]


def redact_record(value: bytes, raw: Mapping[str, Any]) -> Stored:
    """The record as it may be kept: the same bytes where nothing was taken out, else written anew.

    `raw` is what `value` says, decoded.
    """
    if b"\\u" not in value and not _worth_a_look(value):
        return Stored(value, [])
    redactions = Redactions()
    data = redactions.value(raw["data"], "data", KEPT)
    if not redactions.kinds:
        return Stored(value, [])
    return Stored(orjson.dumps({**raw, "data": data}), redactions.rows())


def _worth_a_look(value: bytes) -> bool:
    if value.isascii():
        return bool(_MAYBE.Match(value))
    text = value.decode(errors="replace")
    return bool(UNSEEN_ONES.search(text) or _MAYBE.Match(view(text)))


def _maybe() -> re2.Set:
    """Whether anything in a record's bytes is worth a look."""
    patterns = re2.Set.SearchSet(options())
    names, phones = pattern_of_names(), "phone|mobile|cell|fax|tel|msisdn"
    for pattern in (*CANDIDATES, PIECES, rf'(?i)"(?:{names})"', rf'(?i)"[^"\\]*(?:{phones})[^"\\]*"'):
        patterns.Add(pattern.encode())
    patterns.Compile()
    return patterns


_MAYBE = _maybe()
