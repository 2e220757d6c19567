"""What a verification has shown, for people and for programs. Pure."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from handrail.audit.comparison import ABSENT, Comparison, ComparisonCounts, Difference
from handrail.audit.links import Break, ChainCounts, Links
from handrail.desk import words
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS

COLUMNS = ComparisonCounts.names()
VALUE_MAX = 120  # characters of a value that differs
REMEDIES = {
    "missing": "the worker has not written it, or it was removed: see `handrail doctor` for workers that are behind",
    "changed": "look at what else writes the topic, and which version decided",
    "foreign": "look at what else may write the topic",
}
CHAIN_COLUMNS = ChainCounts.names()
NEXT = "fold the events again, which says which of them is right: `handrail verify` without --chain"


def total(comparisons: Sequence[Comparison]) -> ComparisonCounts:
    """All partitions together."""
    return sum((comparison.counts for comparison in comparisons), ComparisonCounts())


def first_difference(comparisons: Sequence[Comparison]) -> Difference | None:
    """The first difference of all, by partition, then by the place of the event."""
    return min(
        (comparison.first for comparison in comparisons if comparison.first is not None),
        key=lambda comparison: comparison.order,
        default=None,
    )


def verdict(counts: ComparisonCounts) -> str:
    """The answer in a line."""
    judged = f"{counts.expected:,} decisions expected of {counts.records:,} records"
    if not counts.differences:
        return f"no difference: {judged}, all there and as the log gives them"
    kinds = ", ".join(f"{getattr(counts, name):,} {name}" for name in ("missing", "changed", "foreign"))
    return f"DIFFERENT: {kinds}; {judged}, {counts.found:,} found"


def as_json(comparisons: Sequence[Comparison], get: Sequence[str]) -> str:
    """One object: `same`, the counts, the same for each partition, and the first difference."""
    counts, difference = total(comparisons), first_difference(comparisons)
    report = {
        "same": not counts.differences,
        **asdict(counts),
        "partitions": {str(comparison.partition): asdict(comparison.counts) for comparison in comparisons},
        "first_difference": None if difference is None else _difference_as_object(difference, get),
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def difference_lines(difference: Difference, get: Sequence[str]) -> list[tuple[str, str]]:
    """The difference for a person, as (label, text). `get`: options that every command about this log needs."""
    rows = [
        ("difference", f"{difference.kind}: {difference.why}"),
        ("conversation", ""),
        ("event", ""),
        ("decision", ""),
    ]
    if difference.key is not None:
        offset, conversation, source, event_id, kind = difference.key
        rows[1] = ("conversation", words.line(conversation))
        event = words.line(f"{event_id} of {source}" + (f", {difference.event_type}" if difference.event_type else ""))
        rows[2] = ("event", f"{AGENT_EVENTS}[{difference.partition}] offset {offset}: {event}")
        rows[3] = ("decision", words.line(f"{kind} {difference.decision_id or ''}") + _decision_place(difference))
    else:
        rows[3] = ("decision", _decision_place(difference).removeprefix(", "))
    rows += [(words.line(field.name.removeprefix("data.")), _both_values(field)) for field in difference.fields]
    rows += [("what to do", f"{REMEDIES[difference.kind]}; all about this conversation:")] if difference.key else []
    return [pair for pair in [*rows, *(("", command) for command in commands(difference, get))] if pair[1]]


def commands(difference: Difference, get: Sequence[str]) -> list[str]:
    """The commands that export the conversation alone and verify it."""
    if difference.key is None:
        return []
    more, name = " ".join(map(shlex.quote, get)), shlex.quote(difference.key[1])
    return [
        " ".join(f"handrail export {name} --bundle as-decided {more}".split()) + " > events.jsonl",
        " ".join(f"handrail export {name} --topic {DECISIONS} {more}".split()) + " > decisions.jsonl",
        "handrail verify --events events.jsonl --decisions decisions.jsonl --policies as-decided",
    ]


def _decision_place(difference: Difference) -> str:
    if difference.decision is None or difference.decision.offset < 0:
        return ""
    return f", {DECISIONS}[{difference.partition}] offset {difference.decision.offset}"


def _both_values(field: Any) -> str:
    return f"the log gives {_value(field.expected)}, the topic has {_value(field.actual)}"


def _value(value: Any) -> str:
    text = "nothing" if value is ABSENT else words.plain(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"


def _difference_as_object(difference: Difference, get: Sequence[str]) -> dict[str, Any]:
    offset, conversation, source, event_id, kind = difference.key or (None,) * 5
    return {
        "difference": difference.kind,
        "why": difference.why,
        "partition": difference.partition,
        "event_offset": offset,
        "decision_offset": difference.decision.offset
        if difference.decision and difference.decision.offset >= 0
        else None,
        "conversation_id": conversation,
        "for": {"source": source, "id": event_id, "type": difference.event_type},
        "kind": kind,
        "decision_id": difference.decision_id,
        "fields": [_field(field) for field in difference.fields],
        "next": commands(difference, get),
    }


def _field(field: Any) -> dict[str, Any]:
    field_report = {"field": field.name, "expected": field.expected, "found": field.actual}
    return {name: value for name, value in field_report.items() if value is not ABSENT}


def chain_total(partitions: Sequence[Links]) -> ChainCounts:
    """All partitions together."""
    return sum((links.counts for links in partitions), ChainCounts())


def first_break(partitions: Sequence[Links]) -> Break | None:
    """The first break of all, by partition, then as they lie on the topic."""
    return next((links.first for links in partitions if links.first is not None), None)


def chain_verdict(counts: ChainCounts) -> str:
    """The answer in a line."""
    checked = f"{counts.decisions:,} decisions of {counts.conversations:,} conversations"
    later = f"; {counts.later:,} of these were checked from a later decision than their first one on, for it is gone"
    result = f"BROKEN: {counts.breaks:,} of {checked}" if counts.breaks else f"no break: {checked}, each in its place"
    return result + (later if counts.later else "")


def chain_as_json(partitions: Sequence[Links]) -> str:
    """One object: `same`, the counts, the same for each partition, and the first break."""
    counts, broken = chain_total(partitions), first_break(partitions)
    report = {
        "same": not counts.breaks,
        **asdict(counts),
        "partitions": {str(links.partition): asdict(links.counts) for links in partitions},
        "first_break": None if broken is None else _break_as_object(broken),
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def break_lines(broken: Break) -> list[tuple[str, str]]:
    """The break for a person, as (label, text)."""
    number = "" if broken.number is None else f"{broken.number:,} of its conversation, as it says itself"
    rows = [
        ("break", broken.why),
        ("decision", f"{DECISIONS}[{broken.record.partition}]" + _offset(broken.record.offset)),
        ("conversation", words.line(broken.conversation or "")),
        ("number", number),
        ("compared with", _offset(broken.before).strip()),
        ("digest", broken.digest or ""),
        ("expected", broken.expected_digest or ""),
        ("what to do", NEXT),
    ]
    return [pair for pair in rows if pair[1]]


def _offset(offset: int) -> str:
    return f" offset {offset}" if offset >= 0 else ""


def _break_as_object(broken: Break) -> dict[str, Any]:
    return {
        "why": broken.why,
        "partition": broken.record.partition,
        "decision_offset": broken.record.offset if broken.record.offset >= 0 else None,
        "conversation_id": broken.conversation,
        "number": broken.number,
        "compared_with_offset": broken.before if broken.before >= 0 else None,
        "digest": broken.digest,
        "expected_digest": broken.expected_digest,
    }
