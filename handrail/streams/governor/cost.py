"""What LLM calls cost: the reported amount, else nothing out of a cache, else tokens at list price.

Calls of unknown cost are counted beside the cost, for unknown is not zero. An execution keeps in one number how many it
made (the lower 10 bits) and of how many tokens no price is known.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from handrail.policies import Bundle
from handrail.schemas.money import to_pico
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.state import Execution
from handrail.streams.governor.working_conversation import CALLS, WorkingConversation

TOKENS_MAX = 2**50


class Cost(NamedTuple):
    """Pico-dollars, and the tokens that no price is known for; `unknown` where neither says what the call cost."""

    pico: int
    unpriced: int = 0
    unknown: bool = False


FREE, UNKNOWN = Cost(0), Cost(0, 0, True)


def of_call(bundle: Bundle, data: Mapping[str, Any]) -> Cost:
    """What an `llm.completed` says.

    A reported `cost_usd` is the invoice and wins, also one of 0. Cached input tokens are part of the input tokens. A
    model without a price is never free, and neither is a call without a reported usage.
    """
    cost_usd, usage = data.get("cost_usd"), data.get("usage")
    if cost_usd is not None:
        return Cost(to_pico(cost_usd))
    if data.get("cached"):
        return FREE
    if usage is None:
        return UNKNOWN
    tokens_in, tokens_out = usage["input_tokens"], usage["output_tokens"]
    cached = min(usage.get("cached_input_tokens") or 0, tokens_in)
    model = data.get("model") or {}
    price = bundle.price(model.get("served") or model.get("name") or "", model.get("provider"))
    if price is None:
        return Cost(0, tokens_in + tokens_out, True)
    return Cost((tokens_in - cached) * price.input + cached * price.cached_input + tokens_out * price.output)


def count_unknown(execution: Execution, tokens: int) -> None:
    """One more call, with so many tokens without a price."""
    made, known = min(unknown_calls(execution) + 1, CALLS - 1), min(unpriced_tokens(execution) + tokens, TOKENS_MAX)
    execution.unknown = known * CALLS + made


def unknown_calls(execution: Execution) -> int:
    """How many calls of unknown cost the execution made."""
    return execution.unknown % CALLS


def unpriced_tokens(execution: Execution) -> int:
    """The tokens of the execution for which no price is known."""
    return execution.unknown // CALLS


def unknown_calls_of(conversation: WorkingConversation) -> int:
    """How many calls of unknown cost all executions made, also those that are not remembered any more."""
    made = conversation.unknown_calls_before
    for execution in conversation.head.executions:
        made += execution.unknown % CALLS
    return made


def counted_pico(context: FoldContext) -> int:
    """What the execution counts as having cost, for limits and rules: the known cost, and the bundle's amount for
    each call of unknown cost."""
    return context.execution.cost_pico + unknown_calls(context.execution) * context.limits.unknown_call_pico
