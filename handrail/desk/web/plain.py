"""What the pages say in plain words, beyond what they share with the terminal (desk/words.py). Pure."""

import json
import re
from typing import Any

from handrail.desk import words

_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z")
SHORT = 72  # characters of a JSON value that stays in one line
OPERATORS = {
    "greater_than": "above",
    "max_value": "above",
    "requires_approval": "above",
    "greater_than_or_equal": "at or above",
    "greater_than_or_equals": "at or above",
    "less_than": "below",
    "min_value": "below",
    "less_than_or_equal": "at or below",
    "less_than_or_equals": "at or below",
    "between": "between",
    "equals": "which is the one named by the rule:",
    "not_equals": "which is other than",
    "in_list": "which is one of",
    "in": "which is one of",
    "not_in_list": "which is none of",
    "not_in": "which is none of",
    "contains": "which contains",
    "not_contains": "which does not contain",
    "matches": "which matches",
    "exists": "is there",
}
MISSING = {
    "problem.text": "the customer's own words",
    "customer.ref": "who the customer is",
    "classification": "what the query is about",
    "transcript": "what was said",
    "attempts": "some of what was tried",
}
VERDICTS = {
    "allow": "allowed",
    "require_approval": "needed approval",
    "block": "blocked",
    "halt": "stopped",
    None: "never asked",
}
KINDS = {"approval": "Approval", "route": "Take over", "escalation": "Escalation"}
COUNTED = {"approval": "approvals", "route": "to take over", "escalation": "escalations"}
CAUSES = {
    "resolved": "answered",
    "expired": "expired: nobody answered in time",
    "withdrawn": "withdrawn: it is not needed any more",
    "superseded": "superseded by a later one",
}
OUTCOMES = {"approved": "approved", "denied": "denied", "resolved": "resolved", "returned": "returned to the AI"}
ROLES = {"customer": "Customer", "customer_action": "Customer", "assistant": "AI", "human_agent": "Person"}


def evidence(evidence: dict[str, Any]) -> list[str]:
    """What a rule saw, a sentence for each thing: `refund_amount_usd is 300, above 100`."""
    rest = dict(evidence)
    sentences = []
    if {"field", "operator", "value", "threshold"} <= rest.keys() and rest["operator"] in OPERATORS:
        sentences.append(_comparison(*(rest.pop(name) for name in ("field", "operator", "value", "threshold"))))
    return sentences + [f"{words.line(name)}: {one_line(value)}" for name, value in rest.items() if value is not None]


def _comparison(field: Any, operator: str, value: Any, threshold: Any) -> str:
    name, shown = words.line(str(field)), one_line(value)
    if operator == "exists":
        return f"{name} {OPERATORS[operator]}: {shown}" if threshold else f"{name} is missing"
    if operator == "between" and isinstance(threshold, list):
        return f"{name} is {shown}, {OPERATORS[operator]} {' and '.join(map(one_line, threshold))}"
    return f"{name} is {shown}, {OPERATORS[operator]} {one_line(threshold)}"


def one_line(value: Any) -> str:
    """A value in one line."""
    return words.line(words.value(value))


def pretty(value: Any) -> str:
    """A JSON value as people read it, over several lines where it is long; text as it is."""
    short = words.value(value)
    if isinstance(value, str) or len(short) <= SHORT:
        return short
    return words.plain(json.dumps(value, indent=2, ensure_ascii=False))


def missing(names: list[str]) -> list[str]:
    """What a handoff lacks."""
    return [MISSING.get(name, words.line(name)) for name in names]


def percent(share: float) -> str:
    """`80%`"""
    return f"{share:.0%}"


def clock(at: str | None) -> str:
    """A time of the log as people read it: `2026-11-26 08:34:12 UTC`."""
    return f"{at[:10]} {at[11:19]} UTC" if at and _UTC.fullmatch(at) else words.line(at or "")
