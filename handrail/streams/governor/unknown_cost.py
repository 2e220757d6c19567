"""Calls of models of which nobody told what they cost: counted beside the cost, for unknown is not zero.

An execution keeps in one number how many it made (the lower 10 bits) and of how many tokens no price is known.
"""

from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.state import Execution
from handrail.streams.governor.working_conversation import CALLS, WorkingConversation

TOKENS_MAX = 2**50


def add_one(execution: Execution, tokens: int) -> None:
    """One more call, with so many tokens without a price."""
    made, known = min(calls(execution) + 1, CALLS - 1), min(unpriced_tokens(execution) + tokens, TOKENS_MAX)
    execution.unknown = known * CALLS + made


def calls(execution: Execution) -> int:
    """How many calls of unknown cost the execution made."""
    return execution.unknown % CALLS


def unpriced_tokens(execution: Execution) -> int:
    """The tokens of the execution for which no price is known."""
    return execution.unknown // CALLS


def of_conversation(conversation: WorkingConversation) -> int:
    """How many all executions made, those that left too."""
    made = conversation.unknown_calls_before
    for execution in conversation.head.executions:
        made += execution.unknown % CALLS
    return made


def counted_pico(context: FoldContext) -> int:
    """What the execution is held to have cost, for limits and rules: what is known, and the bundle's amount for each
    call of unknown cost."""
    return context.execution.cost_pico + calls(context.execution) * context.limits.unknown_call_pico
