"""A rule bound to one event type and one tool: every name looked up once, so that judging is only comparing."""

from decimal import Decimal
from functools import partial
from typing import Any

from handrail.policies.condition import Find, Leaf
from handrail.policies.cumulative import BY, PARTS_MAX, Cumulative
from handrail.policies.lookup import place, reader
from handrail.policies.names import MISSING, Unreadable
from handrail.policies.numeric import as_json
from handrail.policies.policy import Policy, Rule
from handrail.policies.subject import RESTRICTIVE, RuleFinding, Skipped, Subject
from handrail.policies.template import words
from handrail.policies.tools import ToolEntry
from handrail.policies.truth import INCOMPARABLE, MISSING_FIELD, MISSING_MAPPED, YES

EVIDENCE_CHARACTERS_MAX = 256
WHOLE_MAX = 2**53  # what JSON carries exactly
_UNKNOWN = {MISSING_FIELD: "missing", MISSING_MAPPED: "missing", INCOMPARABLE: "not comparable"}


class BoundLeaf:
    """One comparison of a rule, and what a decision says about it."""

    __slots__ = ("_after", "_before", "_missing", "field", "get", "holds", "operator", "threshold")

    def __init__(self, rule: Rule, leaf: Leaf, find: Find) -> None:
        self.field, self.operator, self.threshold = leaf.field, leaf.operator, leaf.threshold
        where = find(leaf.parts)
        self.get, self.holds, self._missing = reader(where), leaf.bind(find), where.absent
        self._before = f"{rule.id}: {leaf.field} = "
        self._after = f", {leaf.operator}" + ("" if leaf.operator == "exists" else f" {words(leaf.threshold)}")

    def evidence(self, subject: Subject, truth: int) -> dict[str, Any]:
        """The field, what it is compared with, and why it cannot be known where it cannot."""
        value = self.get(subject)
        shown = value if type(value) is int else _cut(value)
        evidence = {"field": self.field, "operator": self.operator, "value": shown, "threshold": self.threshold}
        if truth != YES:
            evidence["unknown"] = _UNKNOWN[truth]
            if why := self.why(value):
                evidence["why"] = why
        return evidence

    def why(self, value: Any) -> str | None:
        """More of why a value cannot be known, where there is more to say."""
        return str(value) if type(value) is Unreadable else self._missing if value is MISSING else None

    def message(self, evidence: dict[str, Any]) -> str:
        """What is said where the rule has no message of its own."""
        unknown = f" ({evidence['unknown']})" if "unknown" in evidence else ""
        return f"{self._before}{words(evidence['value'])}{unknown}{self._after}"


class BoundCumulative:
    """A sum or a number of actions, and what a decision says about it; as BoundLeaf."""

    __slots__ = ("_absent", "_leaf", "_rule_id", "_total", "field", "holds")

    def __init__(self, rule: Rule, leaf: Cumulative, find: Find) -> None:
        self.field, self._leaf, self._rule_id = leaf.field, leaf, rule.id
        self.holds, self._total, self._absent = leaf.bind(find), leaf.total(find), find(leaf.parts).absent

    def evidence(self, subject: Subject, truth: int) -> dict[str, Any]:
        """What it comes to, what it is compared with, and its parts, newest last: offset and value of each."""
        leaf, total = self._leaf, self._total(subject)
        evidence: dict[str, Any] = {"field": leaf.field, "operator": leaf.operator, "value": None}
        evidence |= {"threshold": leaf.threshold, "measure": leaf.measure, "by": BY, "over": leaf.over}
        if truth != YES:
            evidence["unknown"] = _UNKNOWN[truth]
        if total is None:
            return evidence | {"why": self._absent} if self._absent else evidence
        if total.unknown:
            evidence["why"] = total.unknown
        else:
            evidence["value"] = _amount(total.value)
        shown = total.parts[-PARTS_MAX:]
        evidence["parts"] = [
            {"offset": at, "value": None if value is None else _amount(Decimal(value))} for at, value in shown
        ]
        if len(total.parts) > PARTS_MAX:
            evidence["more"] = len(total.parts) - PARTS_MAX
        return evidence

    def why(self, _: Any) -> str | None:
        """More of why there is nothing to be counted."""
        return self._absent

    def message(self, evidence: dict[str, Any]) -> str:
        """What is said where the rule has no message of its own."""
        leaf, unknown = self._leaf, f" ({evidence['unknown']})" if "unknown" in evidence else ""
        start = f"{self._rule_id}: {leaf.measure} of {leaf.field} over {leaf.over} = {words(evidence['value'])}"
        return f"{start}{unknown}, {leaf.operator} {words(leaf.threshold)}"


def _bound(rule: Rule, leaf: Leaf | Cumulative, find: Find) -> BoundLeaf | BoundCumulative:
    return BoundCumulative(rule, leaf, find) if isinstance(leaf, Cumulative) else BoundLeaf(rule, leaf, find)


def _amount(value: int | Decimal) -> Any:
    """A part or a sum as a decision carries it: a whole number without a point."""
    return int(value) if value == int(value) and value < WHOLE_MAX else as_json(value)


class BoundRule:
    """`holds` answers with the three values of `truth`; `fires_at` has those at which the rule fires."""

    __slots__ = ("_customer_message", "_leaves", "_message", "_skipped", "fires_at", "holds", "order", "policy", "rule")

    def __init__(self, policy: Policy, rule: Rule, index: int, event_type: str, entry: ToolEntry | None) -> None:
        find = partial(place, event_type=event_type, entry=entry)
        self.policy, self.rule = policy, rule
        self.order = (RESTRICTIVE[rule.action], policy.id, index)
        self.holds = rule.condition.bind(find)
        self.fires_at = _fires_at(rule)
        self._leaves = tuple(_bound(rule, leaf, find) for leaf in rule.condition.leaves())
        self._message = rule.message.bind(find) if rule.message else None
        self._customer_message = rule.customer_message.bind(find) if rule.customer_message else None
        self._skipped = tuple(Skipped(policy.id, rule.id, leaf.field, leaf.why(MISSING)) for leaf in self._leaves)

    @property
    def passed_over(self) -> Skipped | None:
        """What `skipped` says wherever the rule's only field is absent; None where it has several, or fires then."""
        missing = MISSING_MAPPED if self._skipped[0].why else MISSING_FIELD
        return self._skipped[0] if len(self._skipped) == 1 and missing not in self.fires_at else None

    def skipped(self, subject: Subject) -> Skipped:
        """The note that the rule could not be asked, with the first field that was missing."""
        if len(self._skipped) == 1:
            return self._skipped[0]
        missing = [leaf.holds(subject) in (MISSING_FIELD, MISSING_MAPPED) for leaf in self._leaves]
        return self._skipped[missing.index(True)]

    def finding(self, subject: Subject, truth: int) -> RuleFinding:
        """The finding of a rule that fired, with the evidence of the first leaf that speaks for it."""
        rule = self.rule
        leaf = self._leaves[0] if len(self._leaves) == 1 else self._witness(subject, truth)
        evidence = leaf.evidence(subject, truth)
        return RuleFinding(
            self.policy.id,
            rule.id,
            rule.action,
            rule.mode,
            self._message(subject) if self._message else leaf.message(evidence),
            evidence,
            rule.on_block,
            rule.approvals_needed,
            self._customer_message(subject) if self._customer_message else None,
        )

    def _witness(self, subject: Subject, truth: int) -> BoundLeaf | BoundCumulative:
        """A yes may come from a `not`: then no leaf says yes, and the first one stands for all."""
        return next((leaf for leaf in self._leaves if leaf.holds(subject) == truth), self._leaves[0])


def _fires_at(rule: Rule) -> frozenset[int]:
    """The truths at which a rule fires: unknown is yes for block and require_approval, no for allow."""
    fires = {YES}
    if rule.action != "allow":
        fires.add(INCOMPARABLE)
    if rule.missing_matches:
        fires.add(MISSING_FIELD)
    if rule.mapped_matches:
        fires.add(MISSING_MAPPED)
    return frozenset(fires)


def _cut(value: Any) -> Any:
    """A value as a decision carries it: JSON, and at most 256 characters of it."""
    if value is MISSING:
        return None
    if type(value) is Unreadable:
        value = value.met
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else None
    if text is None:
        text = words(value)
        fits = isinstance(value, dict | list) and len(text) < EVIDENCE_CHARACTERS_MAX and "…" not in text
        return _as_json(value) if fits else text
    return text if len(text) <= EVIDENCE_CHARACTERS_MAX else text[: EVIDENCE_CHARACTERS_MAX - 1] + "…"


def _as_json(value: Any) -> Any:
    """A structure as it is, but for the costs in a `usage`: decimals, which JSON does not have."""
    if not isinstance(value, dict):
        return value
    return {name: words(inner) if type(inner) is Decimal else inner for name, inner in value.items()}
