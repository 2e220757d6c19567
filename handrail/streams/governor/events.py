"""One handler for each agent event: what it changes in the conversation, and what is answered.

A handler gives the answer to be remembered by the replay guard (`guard.pack`), or None where nothing was answered.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from handrail.policies import Bundle
from handrail.schemas.canonical import canonical
from handrail.streams.governor import (
    approvals,
    call,
    calls,
    compared,
    cost,
    decision,
    entries,
    facts,
    handoff,
    judge,
    kept,
    limits,
    loops,
    ownership,
    phrases,
    speaker,
    sums,
    underway,
    unknown_cost,
)
from handrail.streams.governor.alerts import raise_alert
from handrail.streams.governor.call import UNKNOWN
from handrail.streams.governor.case import GOAL
from handrail.streams.governor.classify import Lexicon, classify, compile_lexicon
from handrail.streams.governor.finding import ALLOW, BLOCK, HALT, REQUIRE_APPROVAL, Finding, most_restrictive
from handrail.streams.governor.mode import with_bypass
from handrail.streams.governor.redaction import cut
from handrail.streams.governor.state import PartitionState
from handrail.streams.governor.turn import Turn

Answer = tuple[int, int] | None  # (verdict, route)
HUMAN_AGENT = "human_agent"


@lru_cache(16)
def _lexicon(bundle: Bundle) -> Lexicon:
    return compile_lexicon(bundle.lexicon)


def _route_of(turn: Turn) -> int:
    return 2 if turn.case.head.owned else turn.case.head.route


def execution_started(turn: Turn) -> Answer:
    """Only remembers what the execution is for."""
    if goal := turn.data.get("goal"):
        turn.case.put(GOAL, cut(goal, kept.TEXT_MAX))
    return None


def query_received(turn: Turn) -> Answer:
    """Classify the query, and decide who may answer it."""
    head, text = turn.case.head, turn.data["text"]
    turn.case.add(kept.said("customer", text, turn.now_ms, turn.offset))
    head.messages += 1
    loops.customer_came(turn)
    found = classify(_lexicon(turn.bundle), text)
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
    findings, skipped = judge.query(turn, classified)
    verdict, route, handoff_id = ownership.route(turn, findings)
    decision.emit(
        turn, "route", verdict, findings, route=route, handoff_id=handoff_id, skipped=skipped, classified=classified
    )
    return verdict, route


def human_requested(turn: Turn) -> Answer:
    """Always to a human: no rule, mode or breaker overrides it."""
    findings = [Finding("customer.asked", BLOCK, "The customer asks for a human.", {"wants_human": True})]
    turn.case.add(kept.said("customer_action", "asked for a human", turn.now_ms, turn.offset))
    verdict, route, handoff_id = ownership.route(turn, findings)
    decision.emit(turn, "route", verdict, findings, route=route, handoff_id=handoff_id)
    return verdict, route


def llm_completed(turn: Turn) -> Answer:
    """Count what the call cost; halt when a limit is passed."""
    spent = cost.of_call(turn.bundle, turn.data)
    if spent.unknown:
        _unknown_cost(turn, spent.unpriced)
    over = limits.add_cost(turn, spent.pico)
    if over is None or turn.case.head.halt:
        return None
    ownership.execution_halt(turn, over)
    return HALT, 2


def _unknown_cost(turn: Turn, unpriced: int) -> None:
    """Count the call; the first one of a conversation is told."""
    first = not unknown_cost.of_conversation(turn.case)
    unknown_cost.add_one(turn.execution, unpriced)
    if not first:
        return
    name = (turn.data.get("model") or {}).get("name")
    message = f"no price for model {name}" if unpriced else f"the usage of a call of model {name} is unknown"
    raise_alert(turn, "model", "medium", message, model=name, unpriced_tokens=unpriced)


def llm_proposed(turn: Turn) -> Answer:
    """May this LLM call be made? Asked only by agents that want to know before they pay.

    No person approves a call of a model: what would need one is blocked.
    """
    findings, skipped = judge.llm(turn)
    verdict, route = most_restrictive(findings), _route_of(turn)
    verdict = BLOCK if verdict == REQUIRE_APPROVAL else verdict
    handoff_id = None
    if verdict == HALT and not turn.case.head.halt:
        handoff_id = ownership.halt(turn, findings)
    elif verdict == BLOCK:
        handoff_id = ownership.called(turn, [finding for finding in findings if finding.policy_id])
    decision.emit(turn, "llm", verdict, findings, route=route, handoff_id=handoff_id, skipped=skipped)
    return verdict, route


def action_proposed(turn: Turn) -> Answer:
    """Judge an action; the agent waits for this decision."""
    head, one = turn.case.head, calls.call_of(turn, turn.data)
    waiting = approvals.waiting(turn, one)
    if waiting is not None and not head.halt and not turn.stranger:
        return _still_waiting(turn, one, waiting.handoff_id)
    was_halted = bool(head.halt)
    findings, skipped = judge.action(turn, one)
    decided = decision.decision_id(turn, "action", one.action_id)
    verdict_seen = most_restrictive(findings)
    tried = None
    if not was_halted:
        shown, redacted = kept.shown(one.arguments, "arguments")
        tried = entries.Tried(
            turn.execution.steps,
            one.action_id,
            one.named,
            shown,
            decided,
            verdict_seen,
            turn.now_ms,
            turn.offset,
            redacted,
        )
        if verdict_seen != REQUIRE_APPROVAL:
            _attempt(turn, tried)
    verdict, findings, handoff_id = ownership.consequence(turn, "action", one, findings)
    if tried is not None and verdict_seen == REQUIRE_APPROVAL:
        _attempt(turn, tried)
    underway.begun(turn.case, one, verdict == ALLOW)
    if verdict == ALLOW:
        sums.allowed(turn, one)
    route = _route_of(turn)
    decision.emit(
        turn, "action", verdict, findings, route=route, action_id=one.action_id, digest=one.digest,
        handoff_id=handoff_id, skipped=skipped, known_id=decided,
    )  # fmt: skip
    return verdict, route


def _attempt(turn: Turn, tried: entries.Tried) -> None:
    turn.case.add(tried)
    turn.case.head.attempts += 1


def _still_waiting(turn: Turn, one: call.Call, handoff_id: str) -> Answer:
    """The same call while its approval is open: the same handoff, a step, and no loop."""
    over = limits.count_step(turn)
    message = "The same call waits for approval already."
    findings = [Finding("policy", REQUIRE_APPROVAL, message, {"handoff_id": handoff_id})]
    verdict, route = REQUIRE_APPROVAL, _route_of(turn)
    if over is not None:
        findings.append(over)
        verdict, route = HALT, 2
        handoff_id = ownership.halt(turn, findings)
    kind = "response" if one.tool == "response" else "action"
    decision.emit(
        turn, kind, verdict, findings, route=route, action_id=one.action_id, digest=one.digest, handoff_id=handoff_id
    )
    return verdict, route


def action_executed(turn: Turn) -> Answer:
    """What an action did: its result matters to loops, facts and the handoff; without a decision it is a bypass."""
    head, one = turn.case.head, calls.call_of(turn, turn.data)
    status, result = turn.data["status"], turn.data.get("result")
    known, governed = _proposed(turn, one, status)
    held = not (turn.recorded or turn.observed)
    over = None if known else limits.count_step(turn)
    shown, redacted = kept.shown(result, "result")
    done = entries.Done(
        one.action_id, one.named, status, shown, governed, turn.now_ms, turn.offset,
        cut(str(turn.data.get("error") or ""), kept.VALUE_MAX), step=turn.execution.steps, redacted=redacted,
    )  # fmt: skip
    if not known:
        done.arguments, redacted = kept.shown(one.arguments, "arguments")
        done.redacted = done.redacted + redacted
        head.attempts += 1
    turn.case.add(done)
    sums.executed(turn, one, status)
    if governed or (known and not held):
        if status != UNKNOWN:
            loops.happened(turn, one, status == "ok", compared.digest(turn, one, status, result))
        if status == "ok":
            facts.learn(turn, one, result)
    elif held:
        _bypass(turn, one)
    if over is None or head.halt:
        return None
    ownership.execution_halt(turn, over)
    return HALT, 2


def _proposed(turn: Turn, one: call.Call, status: str) -> tuple[bool, bool]:
    """(whether it was proposed, whether it was allowed); how it ended may follow where that is unknown."""
    if turn.stranger:
        return False, False
    told = status != UNKNOWN
    named, verdict = underway.known(turn.case, one)
    if not named:
        found = underway.was_allowed(turn, one, told)
        return found, found
    if verdict and told:
        underway.ended(turn.case, one)
    return bool(verdict), verdict == underway.ALLOWED


def _bypass(turn: Turn, one: call.Call) -> None:
    message = f"{one.named} was executed without a decision that allowed it"
    if (unlisted := speaker.stranger(turn)) is not None:
        message = f"{message}. {unlisted.message}"
    raise_alert(turn, "bypass", "high", message, action_id=one.action_id, tool=one.named, action_digest=one.digest)
    turn.supervises = _supervise(turn.partition, turn.agent_id)


def _supervise(partition: PartitionState, agent_id: str) -> bool:
    before = partition.modes
    partition.modes = with_bypass(before, agent_id, partition.clock_ms)
    return partition.modes is not before


def redo_bypass(partition: PartitionState, raw: dict[str, Any], bundle: Bundle, tenant: str) -> bool:
    """What an executed action without its decision does beyond its own conversation: nothing else reaches so far.

    `raw` is the event, `tenant` the conversation's. Gives whether the agent comes under supervision by it.
    """
    data, source = raw["data"], raw["source"]
    observed, _ = speaker.standing_of(bundle, data["agent_id"], source, tenant, data)
    if observed or speaker.is_recorded(bundle, source, data):
        return False
    return _supervise(partition, data["agent_id"])


def customer_acted(turn: Turn) -> Answer:
    """The customer's own step: no step of the agent, but what the agent checks next may have changed."""
    loops.customer_came(turn)
    told = canonical(turn.data["arguments"]).decode()
    text = f"{turn.data['tool']}({told}) → {turn.data['status']}"
    turn.case.add(kept.said("customer_action", text, turn.now_ms, turn.offset))
    return None


def response_proposed(turn: Turn) -> Answer:
    """Judge an answer; the agent waits for this decision."""
    one = calls.answer_of(turn, turn.data)
    waiting = approvals.waiting(turn, one)
    findings, skipped = judge.response(turn, one)
    if waiting is not None and not turn.case.head.halt and not turn.stranger:
        verdict, handoff_id = REQUIRE_APPROVAL, waiting.handoff_id
    else:
        verdict, findings, found = ownership.consequence(turn, "response", one, findings)
        handoff_id = found or ""
    route = _route_of(turn)
    decision.emit(
        turn, "response", verdict, findings, route=route, action_id=one.action_id, digest=one.digest,
        handoff_id=handoff_id or None, skipped=skipped,
    )  # fmt: skip
    return verdict, route


def message_sent(turn: Turn) -> Answer:
    """Something was said to the customer. A person's word stops the AI, whoever brings it.

    It answers the customer's request for a person only where the bundle names the source: an agent could say it too.
    """
    head, text, role = turn.case.head, turn.data["text"], turn.data["role"]
    turn.case.add(kept.said(role, text, turn.now_ms, turn.offset))
    head.messages += 1
    if role == HUMAN_AGENT:
        if turn.source in turn.bundle.human_sources:
            for one in head.handoffs:
                one.due_ms = 0
        ownership.taken_over(turn)
        return None
    if turn.data.get("response_id") is not None:
        return None
    finding = judge.said_again(turn, phrases.AGENT, text)
    if finding is None or head.owned:
        return None
    opened = handoff.open_one(turn, "escalation", [finding], holds=True)
    decision.emit(turn, "execution", BLOCK, [finding], route=2, handoff_id=opened.id)
    return BLOCK, 2


def execution_ended(turn: Turn) -> Answer:
    """The execution is over for good; a transfer opens a handoff. Handoffs that are open tell the outcome (step.py)."""
    head, outcome = turn.case.head, turn.data["outcome"]
    turn.execution.ended = True
    loops.forget(turn.execution)
    if all(execution.ended for execution in head.executions):
        head.ended_ms = turn.now_ms
    if outcome == "transferred" and handoff.holding(turn) is None:
        message = "The agent transferred the conversation to a human."
        finding = Finding("owner.human", BLOCK, message, {"outcome": outcome})
        handoff.open_one(turn, "escalation", [finding], holds=True)
    return None


def feedback_received(turn: Turn) -> Answer:
    """For analytics; only people who have an open handoff read what the customer wrote there."""
    if turn.case.head.handoffs and (text := turn.data.get("text")):
        turn.case.add(kept.said("customer", text, turn.now_ms, turn.offset))
    return None


def unanswered(turn: Turn) -> Answer:
    """Scores: for analytics; nothing in the fold depends on them."""
    return None


HANDLERS: dict[str, Callable[[Turn], Answer]] = {
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
