"""Warnings: rules that can never fire, rules that change nothing, and names that are most likely misspelt."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from handrail.policies.bundle import Bundle
from handrail.policies.condition import Condition, Group, Leaf
from handrail.policies.cumulative import Cumulative
from handrail.policies.lookup import CHILDREN, EVENTS, NAMES, ROOTS, is_tool
from handrail.policies.mistakes import nearest
from handrail.policies.numeric import number
from handrail.policies.policy import Policy, Rule, Scope
from handrail.policies.subject import RESTRICTIVE
from handrail.schemas.action import canonical_tool
from handrail.schemas.event_types import LLM_PROPOSED

OF_TOOLS = frozenset(event_type for event_type, event in EVENTS.items() if event.bare_root == "arguments")
ABOVE = {"max_value", "greater_than", "requires_approval"}
BELOW = {"min_value", "less_than"}
AT_LEAST = {"greater_than_or_equal", "greater_than_or_equals"}
AT_MOST = {"less_than_or_equal", "less_than_or_equals"}


class RuleWarning(NamedTuple):
    """A rule, and what is wrong with it."""

    policy_id: str
    rule_id: str
    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.policy_id}/{self.rule_id}: {self.reason}"


class Range(NamedTuple):
    """Numbers between two ends, None where there is none; `open` ends do not belong to it."""

    low: int | Decimal | None = None
    low_open: bool = False
    high: int | Decimal | None = None
    high_open: bool = False

    def meets(self, other: "Range") -> bool:
        """Whether a number lies in both."""
        return _reaches(self, other) and _reaches(other, self)

    def within(self, other: "Range") -> bool:
        """Whether every number of this lies in the other."""
        low = other.low is None or (self.low is not None and (self.low, self.low_open) >= (other.low, other.low_open))
        high = other.high is None or (
            self.high is not None and (self.high, not self.high_open) <= (other.high, not other.high_open)
        )
        return low and high


def _reaches(lower: Range, upper: Range) -> bool:
    """Whether `lower` begins before `upper` ends."""
    if lower.low is None or upper.high is None or lower.low < upper.high:
        return True
    return lower.low == upper.high and not lower.low_open and not upper.high_open


def warnings(policies: tuple[Policy, ...]) -> list[RuleWarning]:
    """One warning at most for each rule, in the order of the files."""
    rules = [(policy, rule) for policy in policies for rule in policy.rules]
    reasons = [(policy, rule, _reason(policy, rule, rules)) for policy, rule in rules]
    return [RuleWarning(policy.id, rule.id, policy.file, reason) for policy, rule, reason in reasons if reason]


class ExemptionWarning(NamedTuple):
    """An exemption in `agents.yaml` that anybody can claim, and what to write."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"agents.yaml: {self.path}: {self.reason}"


def all_warnings(bundle: Bundle) -> list[RuleWarning | ExemptionWarning | str]:
    """All that `handrail policy check`, `activate` and `doctor` warn of."""
    return [
        *warnings(bundle.policies),
        *_misnamed_everywhere(bundle),
        *_unasked(bundle),
        *agent_warnings(bundle),
        *_dropped(bundle),
    ]


def _misnamed_everywhere(bundle: Bundle) -> list[RuleWarning]:
    return [
        RuleWarning(policy.id, rule.id, policy.file, reason)
        for policy in bundle.policies
        for rule in policy.rules
        for reason in _misnamed(bundle, rule)
    ]


def _unasked(bundle: Bundle) -> list[RuleWarning]:
    """What comes from frameworks only where somebody writes it."""
    reason = "judges llm.proposed alone, which only agents that ask bring (`propose_llm`): see that yours do"
    return [
        RuleWarning(policy.id, rule.id, policy.file, reason)
        for policy in bundle.policies
        for rule in policy.rules
        if rule.scope.events == {LLM_PROPOSED}
    ]


def _dropped(bundle: Bundle) -> list[str]:
    """What the built-in routing file protects, and the user's does not."""
    if not (topics := bundle.dropped):
        return []
    named, goes, them = ", ".join(topics), *(("goes", "it") if len(topics) == 1 else ("go", "them"))
    remedy = f"give {them} a rule, or write `drops: [{named}]`"
    return [f"routing.yaml: {named} {goes} to the AI, which the built-in one sends to a human: {remedy}"]


def agent_warnings(bundle: Bundle) -> list[ExemptionWarning]:
    """Exemptions that any writer of the log can claim."""
    anyone = "who names it as agent_id is never held: list the sources that may speak as it"
    observed = [
        ExemptionWarning(f"agents.{name}", f"is observed and lists no sources, so {anyone}")
        for name, entry in bundle.agents.items()
        if entry.enforcement == "observe" and not entry.sources
    ]
    listed = (("recorded_sources", bundle.recorded_sources), ("human_sources", bundle.human_sources))
    everybody = "has *, which is every source, agents too: name the sources"
    return observed + [ExemptionWarning(name, everybody) for name, sources in listed if "" in sources.beginnings]


def _reason(policy: Policy, rule: Rule, rules: list[tuple[Policy, Rule]]) -> str | None:
    if rule.scope.tools is not None and not rule.scope.events & OF_TOOLS:
        return "never fires: it names tools, and none of its events has one: leave out tools, or add action.proposed"
    if (field := _contradiction(rule.condition)) is not None:
        return f"never fires: no value of {field} passes all of its conditions: use any, or two rules"
    if rule.action == "allow" and policy.default_action == "allow":
        return "changes nothing: an allow outweighs no other rule, and the default allows already"
    stronger = next((each for each in rules if each[1] is not rule and _covers(each[1], rule)), None)
    if stronger is None:
        return None
    return f"changes nothing: {stronger[0].id}/{stronger[1].id} fires wherever it does, with {stronger[1].action}"


def _contradiction(condition: Condition) -> str | None:
    """The field of which no number passes everything that an `all` asks of it."""
    if not isinstance(condition, Group):
        return None
    if condition.joined == "all":
        ranges: dict[str, Range] = {}
        for leaf, asked in _ranges(condition):
            if not asked.meets(ranges.setdefault(leaf.field, asked)):
                return leaf.field
    if condition.joined == "not":
        return None
    contradictions = [_contradiction(part) for part in condition.parts]
    return next(filter(None, contradictions), None) if condition.joined == "all" or all(contradictions) else None


def _ranges(group: Group) -> Iterator[tuple[Leaf, Range]]:
    for part in group.parts:
        if isinstance(part, Leaf) and (asked := _range(part)) is not None:
            yield part, asked


def _range(leaf: Leaf) -> Range | None:
    """The numbers that pass a comparison; None where it compares something else."""
    if leaf.operator == "between":
        low, high = (number(end) for end in leaf.threshold)
        return Range(low, False, high, False)
    at = number(leaf.threshold)
    if at is None:
        return None
    if leaf.operator in ABOVE | AT_LEAST:
        return Range(low=at, low_open=leaf.operator in ABOVE)
    if leaf.operator in BELOW | AT_MOST:
        return Range(high=at, high_open=leaf.operator in BELOW)
    return Range(at, False, at, False) if leaf.operator == "equals" else None


def _covers(outer: Rule, inner: Rule) -> bool:
    """Whether `outer` fires wherever `inner` does, and leaves nothing for it to decide."""
    if {outer.mode, inner.mode} != {"enforce"} or not _as_wide(outer.scope, inner.scope):
        return False
    if not isinstance(outer.condition, Leaf) or not isinstance(inner.condition, Leaf):
        return False
    if outer.condition.parts != inner.condition.parts:
        return False
    if outer.missing_matches < inner.missing_matches or outer.mapped_matches < inner.mapped_matches:
        return False
    wide, narrow = _range(outer.condition), _range(inner.condition)
    if wide is None or narrow is None or not narrow.within(wide):
        return False
    return RESTRICTIVE[outer.action] < RESTRICTIVE[inner.action] or (wide != narrow and _asks_as_much(outer, inner))


def _asks_as_much(outer: Rule, inner: Rule) -> bool:
    """Of two rules with one action: whether `outer` calls the same people, and as many."""
    alike = (outer.action, outer.on_block) == (inner.action, inner.on_block)
    return alike and outer.approvals_needed >= inner.approvals_needed


def _as_wide(outer: Scope, inner: Scope) -> bool:
    """Whether `outer` judges all that `inner` judges; tools that are named apart are not compared."""
    return (
        outer.events >= inner.events
        and (outer.tools is None or outer.tools is inner.tools)
        and (outer.agents is None or (inner.agents is not None and outer.agents >= inner.agents))
        and (outer.tenants is None or (inner.tenants is not None and outer.tenants >= inner.tenants))
    )


def _misnamed(bundle: Bundle, rule: Rule) -> Iterator[str]:
    """A reason for each name in a rule that nearly is a tool, a field or a fact: the rule most likely never acts."""
    known = NAMES | bundle.tools.field_names | bundle.tools.fact_names
    for field in dict.fromkeys(leaf.field for leaf in rule.condition.leaves() if not isinstance(leaf, Cumulative)):
        if field not in known and (near := _near_field(field, known)) is not None:
            yield f"{field} is taken from what is judged, as it stands there: did you mean {near}?"
    for tool in _tools_of(rule):
        if bundle.tools.names.named(tool) is None and (near := nearest(tool, bundle.tools.names.names)) is not None:
            yield f"{tool} is no tool of tools.yaml: did you mean {near}?"


def _near_field(field: str, known: frozenset[str]) -> str | None:
    head, dot, rest = field.partition(".")
    if not dot:
        return nearest(field, known)
    if head in CHILDREN:
        near = nearest(rest, CHILDREN[head])
        return near and f"{head}.{near}"
    near = None if head in ROOTS or head in known else nearest(head, ROOTS)
    return f"{near}.{rest}" if near else nearest(field, known)


def _tools_of(rule: Rule) -> Iterator[str]:
    """The canonical names that the rule's scope and conditions have."""
    if rule.scope.tools is not None:
        yield from rule.scope.tools.names
    for leaf in rule.condition.leaves():
        if not isinstance(leaf, Cumulative) and is_tool(leaf.parts) and leaf.operator in ("equals", "in_list", "in"):
            named = leaf.threshold if isinstance(leaf.threshold, list) else [leaf.threshold]
            yield from (canonical_tool(name) for name in named if isinstance(name, str))
