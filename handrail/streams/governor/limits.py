"""The limits on steps and cost, per execution and per conversation."""

from typing import Any

from handrail.schemas.money import from_pico
from handrail.streams.governor import cost
from handrail.streams.governor.finding import HALT, Finding
from handrail.streams.governor.fold_context import FoldContext

PICO_MAX = 2**62  # sums stop here: beyond any limit, and still an integer that every store holds


def count_step(context: FoldContext) -> Finding | None:
    """One more step of execution and conversation; a finding when it is one too many."""
    head, execution = context.conversation.head, context.execution
    limits = context.limits
    execution.steps += 1
    head.steps += 1
    if execution.steps <= limits.steps_max and head.steps <= limits.conversation_steps_max:
        return None
    for steps, steps_max, of in (
        (execution.steps, limits.steps_max, "execution"),
        (head.steps, limits.conversation_steps_max, "conversation"),
    ):
        if steps > steps_max:
            message = f"Step {steps} of this {of} is past its limit of {steps_max}."
            return Finding(
                "limit.steps", HALT, message, {"field": f"{of}.steps", "value": steps, "threshold": steps_max}
            )
    return None


def add_cost(context: FoldContext, pico: int) -> Finding | None:
    """The execution and the conversation have cost that much more; a finding when a limit is passed."""
    head, execution = context.conversation.head, context.execution
    execution.cost_pico = min(execution.cost_pico + pico, PICO_MAX)
    head.cost_pico = min(head.cost_pico + pico, PICO_MAX)
    return over_cost(context)


def over_cost(context: FoldContext) -> Finding | None:
    """The cost limit that is passed, if one is."""
    head, execution = context.conversation.head, context.execution
    limits = context.limits
    made = cost.unknown_calls_of(context.conversation)
    if not made and execution.cost_pico <= limits.cost_pico_max and head.cost_pico <= limits.conversation_cost_pico_max:
        return None
    for spent, unknown, cost_max, of in (
        (execution.cost_pico, cost.unknown_calls(execution), limits.cost_pico_max, "execution"),
        (head.cost_pico, made, limits.conversation_cost_pico_max, "conversation"),
    ):
        counted = spent + unknown * limits.unknown_call_pico
        if counted > cost_max:
            value, threshold = from_pico(counted), from_pico(cost_max)
            evidence: dict[str, Any] = {"field": f"{of}.cost_usd", "value": value, "threshold": threshold}
            message = f"This {of} has cost ${value}, its limit is ${threshold}."
            if unknown:
                evidence["unknown_calls"] = unknown
                each = from_pico(limits.unknown_call_pico)
                message = (
                    f"This {of} has cost ${from_pico(spent)}, and made {unknown} calls of unknown cost, which count as "
                    f"${each} each: its limit is ${threshold}."
                )
            return Finding("limit.cost", HALT, message, evidence)
    return None
