"""One handler for each agent event: what it changes in the conversation, and what is answered.

A handler gives the answer to be remembered by the replay guard (`guard.pack`), or None where nothing was answered.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from handrail.policies import Bundle
from handrail.schemas.canonical import canonical
from handrail.streams.governor import (
    agent_identity,
    approvals,
    call,
    calls,
    calls_under_way,
    comparable_result,
    cost,
    decision,
    entries,
    excerpts,
    facts,
    handoff,
    judge,
    limits,
    loops,
    ownership,
    phrases,
    sums,
    unknown_cost,
)
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.call import UNKNOWN
from handrail.streams.governor.classify import Lexicon, classify, compile_lexicon
from handrail.streams.governor.finding import ALLOW, BLOCK, HALT, REQUIRE_APPROVAL, Finding, most_restrictive
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.mode import with_bypass
from handrail.streams.governor.redaction import cut
from handrail.streams.governor.state import PartitionState
from handrail.streams.governor.working_conversation import GOAL

Answer = tuple[int, int] | None  # (verdict, route)
HUMAN_AGENT = "human_agent"


@lru_cache(16)
def _lexicon(bundle: Bundle) -> Lexicon:
    return compile_lexicon(bundle.lexicon)


def _route_of(context: FoldContext) -> int:
    return 2 if context.conversation.head.owned else context.conversation.head.route


def execution_started(context: FoldContext) -> Answer:
    """Only remembers what the execution is for."""
    if goal := context.data.get("goal"):
        context.conversation.put(GOAL, cut(goal, excerpts.TEXT_MAX))
    return None


def query_received(context: FoldContext) -> Answer:
    """Classify the query, and decide who may answer it."""
    head, text = context.conversation.head, context.data["text"]
    context.conversation.add(excerpts.message("customer", text, context.now_ms, context.offset))
    head.messages += 1
    loops.customer_came(context)
    found = classify(_lexicon(context.bundle), text)
    classified = found.as_dict()
    if head.classification is None or found.topic != "general":
        head.classification = (
            found.intent or "",
            found.topic,
            found.risk,
            found.complexity,
            found.confidence,
            found.wants_human,
            found.model,
        )
    findings, skipped = judge.query(context, classified)
    verdict, route, handoff_id = ownership.route(context, findings)
    decision.emit(
        context, "route", verdict, findings, route=route, handoff_id=handoff_id, skipped=skipped, classified=classified
    )
    return verdict, route


def human_requested(context: FoldContext) -> Answer:
    """Always to a human: no rule, mode or breaker overrides it."""
    findings = [Finding("customer.asked", BLOCK, "The customer asks for a human.", {"wants_human": True})]
    context.conversation.add(excerpts.message("customer_action", "asked for a human", context.now_ms, context.offset))
    verdict, route, handoff_id = ownership.route(context, findings)
    decision.emit(context, "route", verdict, findings, route=route, handoff_id=handoff_id)
    return verdict, route


def llm_completed(context: FoldContext) -> Answer:
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
    """Count the call; the first one of a conversation is told."""
    first = not unknown_cost.of_conversation(context.conversation)
    unknown_cost.add_one(context.execution, unpriced)
    if not first:
        return
    name = (context.data.get("model") or {}).get("name")
    message = f"no price for model {name}" if unpriced else f"the usage of a call of model {name} is unknown"
    raise_alert(context, "model", "medium", message, model=name, unpriced_tokens=unpriced)


def llm_proposed(context: FoldContext) -> Answer:
    """May this LLM call be made? Asked only by agents that want to know before they pay.

    No person approves a call of a model: what would need one is blocked.
    """
    findings, skipped = judge.llm(context)
    verdict, route = most_restrictive(findings), _route_of(context)
    verdict = BLOCK if verdict == REQUIRE_APPROVAL else verdict
    handoff_id = None
    if verdict == HALT and not context.conversation.head.halt:
        handoff_id = ownership.halt(context, findings)
    elif verdict == BLOCK:
        handoff_id = ownership.called(context, [finding for finding in findings if finding.policy_id])
    decision.emit(context, "llm", verdict, findings, route=route, handoff_id=handoff_id, skipped=skipped)
    return verdict, route


def action_proposed(context: FoldContext) -> Answer:
    """Judge an action; the agent waits for this decision."""
    head, one = context.conversation.head, calls.call_of(context, context.data)
    waiting = approvals.waiting(context, one)
    if waiting is not None and not head.halt and not context.stranger:
        return _still_waiting(context, one, waiting.handoff_id)
    was_halted = bool(head.halt)
    findings, skipped = judge.action(context, one)
    decided = decision.decision_id(context, "action", one.action_id)
    verdict_seen = most_restrictive(findings)
    tried = None
    if not was_halted:
        shown, redacted = excerpts.shown(one.arguments, "arguments")
        tried = entries.Proposal(
            context.execution.steps,
            one.action_id,
            one.named,
            shown,
            decided,
            verdict_seen,
            context.now_ms,
            context.offset,
            redacted,
        )
        if verdict_seen != REQUIRE_APPROVAL:
            _attempt(context, tried)
    verdict, findings, handoff_id = ownership.consequence(context, "action", one, findings)
    if tried is not None and verdict_seen == REQUIRE_APPROVAL:
        _attempt(context, tried)
    calls_under_way.begun(context.conversation, one, verdict == ALLOW)
    if verdict == ALLOW:
        sums.allowed(context, one)
    route = _route_of(context)
    decision.emit(
        context, "action", verdict, findings, route=route, action_id=one.action_id, digest=one.digest,
        handoff_id=handoff_id, skipped=skipped, known_id=decided,
    )  # fmt: skip
    return verdict, route


def _attempt(context: FoldContext, tried: entries.Proposal) -> None:
    context.conversation.add(tried)
    context.conversation.head.attempts += 1


def _still_waiting(context: FoldContext, one: call.ActionCall, handoff_id: str) -> Answer:
    """The same call while its approval is open: the same handoff, a step, and no loop."""
    over = limits.count_step(context)
    message = "The same call waits for approval already."
    findings = [Finding("policy", REQUIRE_APPROVAL, message, {"handoff_id": handoff_id})]
    verdict, route = REQUIRE_APPROVAL, _route_of(context)
    if over is not None:
        findings.append(over)
        verdict, route = HALT, 2
        handoff_id = ownership.halt(context, findings)
    kind = "response" if one.tool == "response" else "action"
    decision.emit(
        context, kind, verdict, findings, route=route, action_id=one.action_id, digest=one.digest, handoff_id=handoff_id
    )
    return verdict, route


def action_executed(context: FoldContext) -> Answer:
    """What an action did: its result matters to loops, facts and the handoff; without a decision it is a bypass."""
    head, one = context.conversation.head, calls.call_of(context, context.data)
    status, result = context.data["status"], context.data.get("result")
    known, governed = _proposed(context, one, status)
    held = not (context.recorded or context.observed)
    over = None if known else limits.count_step(context)
    shown, redacted = excerpts.shown(result, "result")
    done = entries.ToolExecution(
        one.action_id, one.named, status, shown, governed, context.now_ms, context.offset,
        cut(str(context.data.get("error") or ""), excerpts.VALUE_MAX), step=context.execution.steps, redacted=redacted,
    )  # fmt: skip
    if not known:
        done.arguments, redacted = excerpts.shown(one.arguments, "arguments")
        done.redacted = done.redacted + redacted
        head.attempts += 1
    context.conversation.add(done)
    sums.executed(context, one, status)
    if governed or (known and not held):
        if status != UNKNOWN:
            loops.happened(context, one, status == "ok", comparable_result.digest(context, one, status, result))
        if status == "ok":
            facts.learn(context, one, result)
    elif held:
        _bypass(context, one)
    if over is None or head.halt:
        return None
    ownership.execution_halt(context, over)
    return HALT, 2


def _proposed(context: FoldContext, one: call.ActionCall, status: str) -> tuple[bool, bool]:
    """(whether it was proposed, whether it was allowed); how it ended may follow where that is unknown."""
    if context.stranger:
        return False, False
    told = status != UNKNOWN
    named, verdict = calls_under_way.known(context.conversation, one)
    if not named:
        found = calls_under_way.was_allowed(context, one, told)
        return found, found
    if verdict and told:
        calls_under_way.ended(context.conversation, one)
    return bool(verdict), verdict == calls_under_way.ALLOWED


def _bypass(context: FoldContext, one: call.ActionCall) -> None:
    message = f"{one.named} was executed without a decision that allowed it"
    if (unlisted := agent_identity.stranger(context)) is not None:
        message = f"{message}. {unlisted.message}"
    raise_alert(context, "bypass", "high", message, action_id=one.action_id, tool=one.named, action_digest=one.digest)
    context.supervises = _supervise(context.partition, context.agent_id)


def _supervise(partition: PartitionState, agent_id: str) -> bool:
    before = partition.modes
    partition.modes = with_bypass(before, agent_id, partition.clock_ms)
    return partition.modes is not before


def redo_bypass(partition: PartitionState, raw: dict[str, Any], bundle: Bundle, tenant: str) -> bool:
    """What an executed action without its decision does beyond its own conversation: nothing else reaches so far.

    `raw` is the event, `tenant` the conversation's. Gives whether the agent comes under supervision by it.
    """
    data, source = raw["data"], raw["source"]
    observed, _ = agent_identity.standing_of(bundle, data["agent_id"], source, tenant, data)
    if observed or agent_identity.is_recorded(bundle, source, data):
        return False
    return _supervise(partition, data["agent_id"])


def customer_acted(context: FoldContext) -> Answer:
    """The customer's own step: no step of the agent, but what the agent checks next may have changed."""
    loops.customer_came(context)
    told = canonical(context.data["arguments"]).decode()
    text = f"{context.data['tool']}({told}) → {context.data['status']}"
    context.conversation.add(excerpts.message("customer_action", text, context.now_ms, context.offset))
    return None


def response_proposed(context: FoldContext) -> Answer:
    """Judge an answer; the agent waits for this decision."""
    one = calls.answer_of(context, context.data)
    waiting = approvals.waiting(context, one)
    findings, skipped = judge.response(context, one)
    if waiting is not None and not context.conversation.head.halt and not context.stranger:
        verdict, handoff_id = REQUIRE_APPROVAL, waiting.handoff_id
    else:
        verdict, findings, found = ownership.consequence(context, "response", one, findings)
        handoff_id = found or ""
    route = _route_of(context)
    decision.emit(
        context, "response", verdict, findings, route=route, action_id=one.action_id, digest=one.digest,
        handoff_id=handoff_id or None, skipped=skipped,
    )  # fmt: skip
    return verdict, route


def message_sent(context: FoldContext) -> Answer:
    """Something was said to the customer. A person's word stops the AI, whoever brings it.

    It answers the customer's request for a person only where the bundle names the source: an agent could say it too.
    """
    head, text, role = context.conversation.head, context.data["text"], context.data["role"]
    context.conversation.add(excerpts.message(role, text, context.now_ms, context.offset))
    head.messages += 1
    if role == HUMAN_AGENT:
        if context.source in context.bundle.human_sources:
            for one in head.handoffs:
                one.due_ms = 0
        ownership.taken_over(context)
        return None
    if context.data.get("response_id") is not None:
        return None
    finding = judge.repeated_words(context, phrases.AGENT, text)
    if finding is None or head.owned:
        return None
    opened = handoff.open_one(context, "escalation", [finding], holds=True)
    decision.emit(context, "execution", BLOCK, [finding], route=2, handoff_id=opened.id)
    return BLOCK, 2


def execution_ended(context: FoldContext) -> Answer:
    """The execution is over for good; a transfer opens a handoff. Handoffs that are open tell the outcome (step.py)."""
    head, outcome = context.conversation.head, context.data["outcome"]
    context.execution.ended = True
    loops.forget(context.execution)
    if all(execution.ended for execution in head.executions):
        head.ended_ms = context.now_ms
    if outcome == "transferred" and handoff.holding(context) is None:
        message = "The agent transferred the conversation to a human."
        finding = Finding("owner.human", BLOCK, message, {"outcome": outcome})
        handoff.open_one(context, "escalation", [finding], holds=True)
    return None


def feedback_received(context: FoldContext) -> Answer:
    """For analytics; only people who have an open handoff read what the customer wrote there."""
    if context.conversation.head.handoffs and (text := context.data.get("text")):
        context.conversation.add(excerpts.message("customer", text, context.now_ms, context.offset))
    return None


def unanswered(context: FoldContext) -> Answer:
    """Scores: for analytics; nothing in the fold depends on them."""
    return None


HANDLERS: dict[str, Callable[[FoldContext], Answer]] = {
    "handrail.execution.started.v1": execution_started,
    "handrail.query.received.v1": query_received,
    "handrail.human.requested.v1": human_requested,
    "handrail.llm.proposed.v1": llm_proposed,
    "handrail.llm.completed.v1": llm_completed,
    "handrail.action.proposed.v1": action_proposed,
    "handrail.action.executed.v1": action_executed,
    "handrail.customer.acted.v1": customer_acted,
    "handrail.response.proposed.v1": response_proposed,
    "handrail.message.sent.v1": message_sent,
    "handrail.execution.ended.v1": execution_ended,
    "handrail.feedback.received.v1": feedback_received,
    "handrail.evaluation.scored.v1": unanswered,
}
AFTERWARDS = frozenset({"handrail.feedback.received.v1", "handrail.evaluation.scored.v1"})  # they open no conversation
