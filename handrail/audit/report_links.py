"""What a check of the chain found, for a person and for a program. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from handrail.audit.links import Break, Counts, Links
from handrail.desk import words
from handrail.schemas.topics import DECISIONS

COLUMNS = Counts.names()
NEXT = "fold the events again, which says which of them is right: `handrail verify` without --chain"


def total(found: Sequence[Links]) -> Counts:
    """All partitions together."""
    return sum((one.counts for one in found), Counts())


def first(found: Sequence[Links]) -> Break | None:
    """The first break of all, by partition, then as they lie on the topic."""
    return next((one.first for one in found if one.first is not None), None)


def verdict(counts: Counts) -> str:
    """The answer in a line."""
    told = f"{counts.decisions:,} decisions of {counts.conversations:,} conversations"
    later = f"; {counts.later:,} of these were checked from a later decision than their first one on, for it is gone"
    said = f"BROKEN: {counts.breaks:,} of {told}" if counts.breaks else f"no break: {told}, each in its place"
    return said + (later if counts.later else "")


def as_json(found: Sequence[Links]) -> str:
    """One object: `same`, the counts, the same for each partition, and the first break."""
    counts, one = total(found), first(found)
    told = {
        "same": not counts.breaks,
        **asdict(counts),
        "partitions": {str(each.partition): asdict(each.counts) for each in found},
        "first_break": None if one is None else _break(one),
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def lines(one: Break) -> list[tuple[str, str]]:
    """The break as (what, told) for a person."""
    number = "" if one.number is None else f"{one.number:,} of its conversation, as it says itself"
    told = [
        ("break", one.why),
        ("decision", f"{DECISIONS}[{one.found.partition}]" + _offset(one.found.offset)),
        ("conversation", words.line(one.conversation or "")),
        ("number", number),
        ("compared with", _offset(one.before).strip()),
        ("digest", one.found_digest or ""),
        ("expected", one.expected_digest or ""),
        ("what to do", NEXT),
    ]
    return [pair for pair in told if pair[1]]


def _offset(offset: int) -> str:
    return f" offset {offset}" if offset >= 0 else ""


def _break(one: Break) -> dict[str, Any]:
    return {
        "why": one.why,
        "partition": one.found.partition,
        "decision_offset": one.found.offset if one.found.offset >= 0 else None,
        "conversation_id": one.conversation,
        "number": one.number,
        "compared_with_offset": one.before if one.before >= 0 else None,
        "digest": one.found_digest,
        "expected_digest": one.expected_digest,
    }
