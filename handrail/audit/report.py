"""What a verification found, for a person and for a program. Pure."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from handrail.audit.comparison import Comparison, Counts
from handrail.audit.difference import ABSENT, Difference
from handrail.desk import words
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS

COLUMNS = Counts.names()
VALUE_MAX = 120  # characters of a value that differs
MENDED = {
    "missing": "the worker has not written it, or it was removed: see `handrail doctor` for workers that are behind",
    "changed": "look at what else writes the topic, and which version decided",
    "foreign": "look at what else may write the topic",
}


def total(comparisons: Sequence[Comparison]) -> Counts:
    """All partitions together."""
    return sum((one.counts for one in comparisons), Counts())


def first(comparisons: Sequence[Comparison]) -> Difference | None:
    """The first difference of all, by partition, then by the place of the event."""
    return min((one.first for one in comparisons if one.first is not None), key=lambda one: one.order, default=None)


def verdict(counts: Counts) -> str:
    """The answer in a line."""
    judged = f"{counts.expected:,} decisions expected of {counts.records:,} records"
    if not counts.differences:
        return f"no difference: {judged}, all there and as the log gives them"
    kinds = ", ".join(f"{getattr(counts, name):,} {name}" for name in ("missing", "changed", "foreign"))
    return f"DIFFERENT: {kinds}; {judged}, {counts.found:,} found"


def as_json(comparisons: Sequence[Comparison], get: Sequence[str]) -> str:
    """One object: `same`, the counts, the same for each partition, and the first difference."""
    counts, one = total(comparisons), first(comparisons)
    told = {
        "same": not counts.differences,
        **asdict(counts),
        "partitions": {str(each.partition): asdict(each.counts) for each in comparisons},
        "first_difference": None if one is None else _difference(one, get),
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def lines(one: Difference, get: Sequence[str]) -> list[tuple[str, str]]:
    """The difference as (what, told) for a person. `get`: options that every command about this log needs."""
    told = [("difference", f"{one.kind}: {one.why}"), ("conversation", ""), ("event", ""), ("decision", "")]
    if one.key is not None:
        offset, conversation, source, event_id, kind = one.key
        told[1] = ("conversation", words.line(conversation))
        what = words.line(f"{event_id} of {source}" + (f", {one.event_type}" if one.event_type else ""))
        told[2] = ("event", f"{AGENT_EVENTS}[{one.partition}] offset {offset}: {what}")
        told[3] = ("decision", words.line(f"{kind} {one.decision_id or ''}") + _lies(one))
    else:
        told[3] = ("decision", _lies(one).removeprefix(", "))
    told += [(words.line(field.name.removeprefix("data.")), _both(field)) for field in one.fields]
    told += [("what to do", f"{MENDED[one.kind]}; all about this conversation:")] if one.key else []
    return [pair for pair in [*told, *(("", command) for command in commands(one, get))] if pair[1]]


def commands(one: Difference, get: Sequence[str]) -> list[str]:
    """What to type next, to have the conversation alone."""
    if one.key is None:
        return []
    more, name = " ".join(map(shlex.quote, get)), shlex.quote(one.key[1])
    return [
        " ".join(f"handrail export {name} --bundle as-decided {more}".split()) + " > events.jsonl",
        " ".join(f"handrail export {name} --topic {DECISIONS} {more}".split()) + " > decisions.jsonl",
        "handrail verify --events events.jsonl --decisions decisions.jsonl --policies as-decided",
    ]


def _lies(one: Difference) -> str:
    if one.found is None or one.found.offset < 0:
        return ""
    return f", {DECISIONS}[{one.partition}] offset {one.found.offset}"


def _both(field: Any) -> str:
    return f"the log gives {_value(field.expected)}, the topic has {_value(field.found)}"


def _value(value: Any) -> str:
    text = "nothing" if value is ABSENT else words.plain(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"


def _difference(one: Difference, get: Sequence[str]) -> dict[str, Any]:
    offset, conversation, source, event_id, kind = one.key or (None,) * 5
    return {
        "difference": one.kind,
        "why": one.why,
        "partition": one.partition,
        "event_offset": offset,
        "decision_offset": one.found.offset if one.found and one.found.offset >= 0 else None,
        "conversation_id": conversation,
        "for": {"source": source, "id": event_id, "type": one.event_type},
        "kind": kind,
        "decision_id": one.decision_id,
        "fields": [_field(field) for field in one.fields],
        "next": commands(one, get),
    }


def _field(field: Any) -> dict[str, Any]:
    told = {"field": field.name, "expected": field.expected, "found": field.found}
    return {name: value for name, value in told.items() if value is not ABSENT}
