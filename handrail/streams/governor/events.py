"""The table of agent events: how each is folded into its conversation.

The handlers of proposals are in proposals.py, that of executed actions in executions.py, all others here.

A handler returns the reply that the replay guard remembers (`replay_guard.pack`), None where none was emitted.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from handrail.policies import Bundle
from handrail.schemas import event_types
from handrail.schemas.canonical import canonical
from handrail.streams.governor import (
    assessment,
    cost,
    decision,
    excerpts,
    handoff,
    limits,
    loops,
    ownership,
    phrases,
)
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.classify import Lexicon, classify, compile_lexicon
from handrail.streams.governor.executions import action_executed
from handrail.streams.governor.finding import BLOCK, HALT, Finding
from handrail.streams.governor.fold_context import FoldContext, Reply
from handrail.streams.governor.proposals import action_proposed, llm_proposed, response_proposed
from handrail.streams.governor.redaction import cut
from handrail.streams.governor.working_conversation import GOAL

HUMAN_AGENT = "human_agent"


@lru_cache(16)
def _lexicon(bundle: Bundle) -> Lexicon:
    return compile_lexicon(bundle.lexicon)


def execution_started(context: FoldContext) -> Reply:
    """Remember what the execution is for."""
    if goal := context.data.get("goal"):
        context.conversation.put(GOAL, cut(goal, excerpts.TEXT_MAX))
    return None


def query_received(context: FoldContext) -> Reply:
    """Classify the query, and decide who may answer it."""
    head, text = context.conversation.head, context.data["text"]
    context.conversation.add(excerpts.message("customer", text, context.now_ms, context.offset))
    head.messages += 1
    loops.customer_came(context)
    latest = classify(_lexicon(context.bundle), text)
    classified = latest.as_dict()
    if head.classification is None or latest.topic != "general":
        head.classification = (
            latest.intent or "",
            latest.topic,
            latest.risk,
            latest.complexity,
            latest.confidence,
            latest.wants_human,
            latest.model,
        )
    findings, skipped = assessment.of_query(context, classified)
    verdict, route, handoff_id = ownership.route(context, findings)
    decision.emit(
        context, "route", verdict, findings, route=route, handoff_id=handoff_id, skipped=skipped, classified=classified
    )
    return verdict, route


def human_requested(context: FoldContext) -> Reply:
    """Route to a human: no rule, mode or breaker overrides it."""
    findings = [Finding("customer.asked", BLOCK, "The customer asks for a human.", {"wants_human": True})]
    context.conversation.add(excerpts.message("customer_action", "asked for a human", context.now_ms, context.offset))
    verdict, route, handoff_id = ownership.route(context, findings)
    decision.emit(context, "route", verdict, findings, route=route, handoff_id=handoff_id)
    return verdict, route


def llm_completed(context: FoldContext) -> Reply:
    """Count what the call cost; halt when a limit is passed."""
    spent = cost.of_call(context.bundle, context.data)
    if spent.unknown:
        _unknown_cost(context, spent.unpriced)
    over = limits.add_cost(context, spent.pico)
    if over is None or context.conversation.head.halt:
        return None
    ownership.execution_halt(context, over)
    return HALT, 2


def _unknown_cost(context: FoldContext, unpriced: int) -> None:
    """Count the call; the first one of a conversation raises an alert."""
    first = not cost.unknown_calls_of(context.conversation)
    cost.count_unknown(context.execution, unpriced)
    if not first:
        return
    name = (context.data.get("model") or {}).get("name")
    message = f"no price for model {name}" if unpriced else f"the usage of a call of model {name} is unknown"
    raise_alert(context, "model", "medium", message, model=name, unpriced_tokens=unpriced)


def customer_acted(context: FoldContext) -> Reply:
    """The customer's own step: no step of the agent, but what the agent checks next may have changed."""
    loops.customer_came(context)
    arguments = canonical(context.data["arguments"]).decode()
    text = f"{context.data['tool']}({arguments}) → {context.data['status']}"
    context.conversation.add(excerpts.message("customer_action", text, context.now_ms, context.offset))
    return None


def message_sent(context: FoldContext) -> Reply:
    """Add a message to the customer. A person's message stops the AI, whichever source brings it.

    It answers the customer's request for a person only where the bundle names the source: an agent could say it too.
    """
    head, text, role = context.conversation.head, context.data["text"], context.data["role"]
    context.conversation.add(excerpts.message(role, text, context.now_ms, context.offset))
    head.messages += 1
    if role == HUMAN_AGENT:
        if context.source in context.bundle.human_sources:
            for opened in head.handoffs:
                opened.due_ms = 0
        ownership.taken_over(context)
        return None
    if context.data.get("response_id") is not None:
        return None
    finding = assessment.repeated_words(context, phrases.AGENT, text)
    if finding is None or head.owned:
        return None
    opened = handoff.open_for(context, "escalation", [finding], holds=True)
    decision.emit(context, "execution", BLOCK, [finding], route=2, handoff_id=opened.id)
    return BLOCK, 2


def execution_ended(context: FoldContext) -> Reply:
    """End the execution for good; a transfer opens a handoff. Open handoffs get the outcome in step.py."""
    head, outcome = context.conversation.head, context.data["outcome"]
    context.execution.ended = True
    loops.forget(context.execution)
    if all(execution.ended for execution in head.executions):
        head.ended_ms = context.now_ms
    if outcome == "transferred" and handoff.holding(context) is None:
        message = "The agent transferred the conversation to a human."
        finding = Finding("owner.human", BLOCK, message, {"outcome": outcome})
        handoff.open_for(context, "escalation", [finding], holds=True)
    return None


def feedback_received(context: FoldContext) -> Reply:
    """For analytics; only people who have an open handoff read what the customer wrote there."""
    if context.conversation.head.handoffs and (text := context.data.get("text")):
        context.conversation.add(excerpts.message("customer", text, context.now_ms, context.offset))
    return None


def evaluation_scored(context: FoldContext) -> Reply:
    """For analytics; nothing in the fold depends on scores."""
    return None


class Handler(NamedTuple):
    """How one type of event is folded.

    `kind` is that of the decision which answers every event of the type, empty where the agent waits for none. With
    `opens` the event begins a conversation that is not remembered; without, it is passed over there.
    """

    fold: Callable[[FoldContext], Reply]
    kind: str = ""
    opens: bool = True


HANDLERS: dict[str, Handler] = {
    event_types.EXECUTION_STARTED: Handler(execution_started),
    event_types.QUERY_RECEIVED: Handler(query_received, kind="route"),
    event_types.HUMAN_REQUESTED: Handler(human_requested, kind="route"),
    event_types.LLM_PROPOSED: Handler(llm_proposed, kind="llm"),
    event_types.LLM_COMPLETED: Handler(llm_completed),
    event_types.ACTION_PROPOSED: Handler(action_proposed, kind="action"),
    event_types.ACTION_EXECUTED: Handler(action_executed),
    event_types.CUSTOMER_ACTED: Handler(customer_acted),
    event_types.RESPONSE_PROPOSED: Handler(response_proposed, kind="response"),
    event_types.MESSAGE_SENT: Handler(message_sent),
    event_types.EXECUTION_ENDED: Handler(execution_ended),
    event_types.FEEDBACK_RECEIVED: Handler(feedback_received, opens=False),
    event_types.EVALUATION_SCORED: Handler(evaluation_scored, opens=False),
}
