"""Evaluates all rules of a bundle on one subject: the most restrictive wins, and every rule that fired is named."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeAlias

from handrail.policies.bound import BoundRule
from handrail.policies.condition import Holds
from handrail.policies.lookup import place
from handrail.policies.policy import Policy
from handrail.policies.screen import CLOSED, Screen, screen_of
from handrail.policies.subject import RESTRICTIVE, Evaluation, RuleFinding, Skipped, Subject
from handrail.policies.tools import ToolEntry, Tools
from handrail.policies.truth import MISSING_FIELD, MISSING_MAPPED
from handrail.schemas.action import CACHED_NAME_CHARACTERS_MAX

PLANS_MAX = 4_096
BINDINGS_MAX = 256


_NOTHING = Evaluation((), ())

Key: TypeAlias = tuple[str, str | None, str, str]
"""Event type, tool, agent, tenant."""


class Plan(NamedTuple):
    """The rules for one kind of subject in the order of findings, and policies whose default is not `allow`."""

    rules: tuple[tuple[Holds, BoundRule], ...]
    defaults: tuple[Policy, ...]


class Evaluator:
    """Rules filtered and bound once for each event type, tool, agent and tenant; both caches are bounded."""

    def __init__(self, policies: Sequence[Policy], tools: Tools) -> None:
        self._policies = tuple(policies)
        self._tools = tools
        self._bindings = lru_cache(BINDINGS_MAX)(self._bind)
        self._plans: dict[Key, Plan] = {}
        self._screens: dict[Key, Screen] = {}  # of some of those

    def no_rule_fires(
        self,
        event_type: str,
        tool: str | None,
        agent_id: str,
        tenant: str,
        arguments: Mapping[str, Any],
        cost_pico: int,
    ) -> Sequence[Skipped] | None:
        """What `evaluate` would skip, where surely no rule and no default fires; None where it has to be called."""
        key = (event_type, tool, agent_id, tenant)
        screen = self._screens.get(key) or self._screen(key)
        return screen.passed(arguments, cost_pico)

    def _screen(self, key: Key) -> Screen:
        """Build the screen when a subject of its kind comes again: for one that comes once it does not pay."""
        plan = self._plans.get(key)
        if plan is None:
            return CLOSED
        event_type, tool, _, _ = key
        find = partial(place, event_type=event_type, entry=self._tools.entry(tool))
        rules = [(each.rule.condition, each.passed_over) for _, each in plan.rules]
        screen = self._screens[key] = CLOSED if plan.defaults else screen_of(rules, find, tool)
        return screen

    def evaluate(self, subject: Subject) -> Evaluation:
        """Every rule that fires, most restrictive first, then by policy id and order in the file."""
        key = (subject.event_type, subject.tool, subject.agent_id, subject.tenant)
        rules, defaults = self._plans.get(key) or self._remember(*key)
        findings: list[RuleFinding] = []
        skipped: list[Skipped] = []
        for holds, bound in rules:
            truth = holds(subject)
            if not truth:  # NO
                continue
            if truth in bound.fires_at:
                findings.append(bound.finding(subject, truth))
            elif truth in (MISSING_FIELD, MISSING_MAPPED):
                skipped.append(bound.skipped(subject))
        if defaults:
            findings = _with_defaults(findings, defaults)
        return Evaluation(tuple(findings), tuple(skipped)) if findings or skipped else _NOTHING

    def _remember(self, event_type: str, tool: str | None, agent_id: str, tenant: str) -> Plan:
        plan = self._plan(event_type, tool, agent_id, tenant)
        if len(tool or "") + len(agent_id) + len(tenant) <= CACHED_NAME_CHARACTERS_MAX:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
                self._screens.clear()
            self._plans[event_type, tool, agent_id, tenant] = plan
        return plan

    def _plan(self, event_type: str, tool: str | None, agent_id: str, tenant: str) -> Plan:
        entry = self._tools.entry(tool)
        bound = self._bindings(event_type, entry.name if entry else None)
        covering = [each for each in bound if each.rule.scope.covers(event_type, tool, agent_id, tenant)]
        defaults = tuple(
            policy
            for policy in self._policies
            if policy.default_action != "allow" and policy.scope.covers(event_type, tool, agent_id, tenant)
        )
        return Plan(tuple((each.holds, each) for each in covering), defaults)

    def _bind(self, event_type: str, entry_name: str | None) -> tuple[BoundRule, ...]:
        entry: ToolEntry | None = self._tools.entry(entry_name)
        bound = [
            BoundRule(policy, rule, index, event_type, entry)
            for policy in self._policies
            for index, rule in enumerate(policy.rules)
            if event_type in rule.scope.events
        ]
        return tuple(sorted(bound, key=lambda each: each.order))


def _with_defaults(findings: list[RuleFinding], defaults: Sequence[Policy]) -> list[RuleFinding]:
    """Add the default of each policy of which no rule fired; a shadow rule replaces a shadow default only."""
    spoken = {(finding.policy_id, finding.mode) for finding in findings}
    findings += [_default(policy) for policy in defaults if (policy.id, policy.mode) not in spoken]
    return sorted(findings, key=lambda finding: (RESTRICTIVE[finding.action], finding.policy_id))


def _default(policy: Policy) -> RuleFinding:
    action = policy.default_action
    message = f"No rule of {policy.id} covers this; its default is {action}"
    evidence = {"field": None, "operator": "default_action", "value": None, "threshold": action}
    return RuleFinding(policy.id, None, action, policy.mode, message, evidence)
