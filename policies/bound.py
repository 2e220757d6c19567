"""A rule bound to one event type and one tool: every name looked up once, so that judging is only comparing."""

from collections.abc import Callable
from functools import partial
from typing import Any

from handrail.policies.condition import Leaf
from handrail.policies.lookup import Getter, getter
from handrail.policies.names import MISSING
from handrail.policies.policy import Policy, Rule
from handrail.policies.subject import RESTRICTIVE, RuleFinding, Skipped, Subject
from handrail.policies.template import words
from handrail.policies.tools import ToolEntry
from handrail.policies.truth import INCOMPARABLE, MISSING_FIELD, YES

EVIDENCE_CHARACTERS_MAX = 256
_WHY = {MISSING_FIELD: "missing", INCOMPARABLE: "not comparable"}


class BoundRule:
    """`holds` answers with the three values of `truth`; the rest says what that means."""

    __slots__ = ("_customer_message", "_leaves", "_message", "_skipped", "fires_at", "holds", "order", "policy", "rule")

    def __init__(self, policy: Policy, rule: Rule, index: int, event_type: str, entry: ToolEntry | None) -> None:
        bind = partial(getter, event_type=event_type, entry=entry)
        self.policy, self.rule = policy, rule
        self.order = (RESTRICTIVE[rule.action], policy.id, index)
        self.holds = rule.condition.bind(bind)
        self.fires_at = _fires_at(rule)
        self._leaves = tuple((leaf, bind(leaf.parts), leaf.bind(bind)) for leaf in rule.condition.leaves())
        self._message = rule.message.bind(bind) if rule.message else None
        self._customer_message = rule.customer_message.bind(bind) if rule.customer_message else None
        self._skipped = tuple(Skipped(policy.id, rule.id, leaf.field) for leaf, _, _ in self._leaves)

    def skipped(self, subject: Subject) -> Skipped:
        """The note that the rule could not be asked, with the first field that was missing."""
        if len(self._skipped) == 1:
            return self._skipped[0]
        missing = (
            note
            for note, (_, _, holds) in zip(self._skipped, self._leaves, strict=True)
            if holds(subject) == MISSING_FIELD
        )
        return next(missing)

    def finding(self, subject: Subject, truth: int) -> RuleFinding:
        """The finding of a rule that fired, with the evidence of the first leaf that speaks for it."""
        rule = self.rule
        leaf, get, holds = self._leaves[0] if len(self._leaves) == 1 else self._witness(subject, truth)
        value = get(subject)
        evidence = {
            "field": leaf.field,
            "operator": leaf.operator,
            "value": value if type(value) is int else _cut(value),
            "threshold": leaf.threshold,
        }
        if truth != YES:
            evidence["unknown"] = _WHY[holds(subject)]
        return RuleFinding(
            self.policy.id,
            rule.id,
            rule.action,
            rule.mode,
            self._message(subject) if self._message else _plain_message(rule.id, evidence),
            evidence,
            rule.on_block,
            rule.approvals_needed,
            self._customer_message(subject) if self._customer_message else None,
        )

    def _witness(self, subject: Subject, truth: int) -> tuple[Leaf, Getter, Callable[[Subject], int]]:
        speaking = (parts for parts in self._leaves if parts[2](subject) == truth)
        return next(speaking, self._leaves[0])


def _fires_at(rule: Rule) -> frozenset[int]:
    """The truths at which a rule fires: unknown is yes for block and require_approval, no for allow."""
    fires = {YES}
    if rule.action != "allow":
        fires.add(INCOMPARABLE)
    if rule.missing_matches:
        fires.add(MISSING_FIELD)
    return frozenset(fires)


def _plain_message(rule_id: str, evidence: dict[str, Any]) -> str:
    unknown = f" ({evidence['unknown']})" if "unknown" in evidence else ""
    threshold = "" if evidence["operator"] == "exists" else f" {words(evidence['threshold'])}"
    return f"{rule_id}: {evidence['field']} = {words(evidence['value'])}{unknown}, {evidence['operator']}{threshold}"


def _cut(value: Any) -> Any:
    """A value as a decision carries it: JSON, and at most 256 characters of it."""
    if value is MISSING:
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else None
    if text is None:
        text = words(value)
        return (
            value
            if isinstance(value, dict | list) and len(text) < EVIDENCE_CHARACTERS_MAX and "…" not in text
            else text
        )
    return text if len(text) <= EVIDENCE_CHARACTERS_MAX else text[: EVIDENCE_CHARACTERS_MAX - 1] + "…"
