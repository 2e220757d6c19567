"""The bundle's policies, evaluated on one record."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from handrail.policies import Evaluation, RuleFinding, Subject
from handrail.policies.subject import Skipped as PassedOver
from handrail.streams.governor import cost, decision, facts, sums
from handrail.streams.governor.finding import ALLOW, BLOCK, REQUIRE_APPROVAL, Finding
from handrail.streams.governor.fold_context import FoldContext

ACTIONS = {"allow": ALLOW, "require_approval": REQUIRE_APPROVAL, "block": BLOCK}
QUANTITIES = ("quantity", "qty", "count", "amount_of_items", "items")
SKIPPED_MAX = 50

Skipped = tuple[Mapping[str, Any], ...]


def evaluate(
    context: FoldContext,
    kind: str,
    *,
    tool: str | None = None,
    effect: str = "write",
    arguments: dict[str, Any] | None = None,
    classification: dict[str, Any] | None = None,
) -> tuple[list[Finding], Skipped]:
    """Every rule that fired, and every rule passed over because its field was absent."""
    head, execution = context.conversation.head, context.execution
    cost_pico = cost.counted_pico(context)
    passed_over = context.bundle.no_rule_fires(
        context.event_type, tool, context.agent_id, context.tenant, arguments or {}, cost_pico
    )
    if passed_over is not None:
        return [], _skipped(passed_over)
    subject = Subject(
        event_type=context.event_type,
        kind=kind,
        tenant=context.tenant,
        agent_id=context.agent_id,
        tool=tool,
        arguments=arguments or {},
        attributes={} if (attributes := context.data.get("attributes")) is None else attributes,
        customer=context.conversation.customer,
        usage={
            "steps": execution.steps,
            "steps_max": context.limits.steps_max,
            "cost_usd": decision.usd(cost_pico),
            "cost_usd_max": decision.usd(context.limits.cost_pico_max),
            "unpriced_tokens": cost.unpriced_tokens(execution),
            "unknown_calls": cost.unknown_calls(execution),
            "loop_run": execution.calls_made,
            "loop_max": context.limits.loop_iterations,
        },
        classification=classification or decision.classification(context) or {},
        facts=head.facts,
        data=context.data,
        facts_by_key=facts.by_key(context),
        earlier=sums.earlier(context),
    )
    evaluation: Evaluation = context.bundle.evaluate(subject)
    return [_finding(rule, effect) for rule in evaluation.findings], _skipped(evaluation.skipped)


def _skipped(skipped: Sequence[PassedOver]) -> Skipped:
    return tuple([_as_dict(rule) for rule in skipped[:SKIPPED_MAX]]) if skipped else ()


@lru_cache(4096)
def _as_dict(rule: PassedOver) -> Mapping[str, Any]:
    """The entry in a decision's `skipped`; do not change it."""
    entry = {"policy_id": rule.policy_id, "rule_id": rule.rule_id, "field": rule.field}
    return entry | {"why": rule.why} if rule.why else entry


def _finding(rule: RuleFinding, effect: str) -> Finding:
    field = str(rule.evidence.get("field") or "").rpartition(".")[2]
    refuse = effect == "read" or field in QUANTITIES
    return Finding(
        code="policy",
        verdict=ACTIONS[rule.action],
        message=rule.message,
        evidence=dict(rule.evidence),
        policy_id=rule.policy_id,
        rule_id=rule.rule_id,
        mode=rule.mode,
        escalate=rule.on_block == "escalate" if rule.on_block else not refuse,
        customer_message=rule.customer_message,
        approvals=rule.approvals_needed,
    )
