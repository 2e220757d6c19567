"""Decisions: what an agent waits for."""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from handrail.schemas import chain
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.event_types import DECISION
from handrail.schemas.money import from_pico
from handrail.schemas.record import Counted, Output
from handrail.schemas.topics import DECISIONS
from handrail.streams.governor import cost
from handrail.streams.governor.finding import ALLOW, HALT, REQUIRE_APPROVAL, VERDICTS, Finding, ordered
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.outgoing import enveloped
from handrail.streams.governor.state import ROUTES, Conversation

UNSIGNED = b',"signature":null}'
CALLS_COLLEAGUE = "I can't do that myself; a colleague will look at it."
REFUSES = "I'm sorry, I can't do that."
ACTED_ON = frozenset({"action", "response", "release"})
REASONS_MAX = 50  # of one decision, most restrictive first
WAITS = "A colleague has to approve this first. I'll come back to you."
TO_HUMAN = "I'm handing you over to a colleague."


def decision_id(context: FoldContext, kind: str, action_id: str | None, because: str | None = None) -> str:
    """A digest of identity, ruleset, kind and action; for a release also of what released it."""
    named = [context.source, context.event_id, context.conversation.id, context.ruleset, kind, action_id, because]
    return sha256(orjson.dumps(named)).hexdigest()


def usage(context: FoldContext) -> dict[str, Any]:
    """What the execution has used of its limits."""
    limits = context.limits
    execution = context.execution
    return {
        "steps": execution.steps,
        "steps_max": limits.steps_max,
        "cost_usd": from_pico(execution.cost_pico),
        "cost_usd_max": from_pico(limits.cost_pico_max),
        "unpriced_tokens": cost.unpriced_tokens(execution),
        "unknown_calls": cost.unknown_calls(execution),
        "loop_run": execution.calls_made,
        "loop_max": limits.loop_iterations,
        "conversation_steps": context.conversation.head.steps,
        "conversation_cost_usd": from_pico(context.conversation.head.cost_pico),
    }


def classification(context: FoldContext) -> dict[str, Any] | None:
    """The latest classification of the conversation's queries."""
    latest = context.conversation.head.classification
    if latest is None:
        return None
    intent, topic, risk, complexity, confidence, wants_human, model = latest
    return {
        "intent": intent or None,
        "topic": topic,
        "risk": risk,
        "complexity": complexity,
        "confidence": confidence,
        "wants_human": wants_human,
        "model": model,
    }


def customer_message(verdict: int, findings: list[Finding], handoff_id: str | None) -> str | None:
    """What the agent may say to the customer: the rule's own words, else a sentence that promises only what happens."""
    if verdict == ALLOW:
        return None
    for finding in findings:
        if finding.verdict == verdict and finding.customer_message:
            return finding.customer_message
    if verdict == REQUIRE_APPROVAL:
        return WAITS
    return CALLS_COLLEAGUE if handoff_id or verdict == HALT else REFUSES


def emit(
    context: FoldContext,
    kind: str,
    verdict: int,
    findings: list[Finding],
    *,
    route: int,
    action_id: str | None = None,
    digest: str | None = None,
    handoff_id: str | None = None,
    because: str | None = None,
    expires_ms: int | None = None,
    skipped: tuple[Mapping[str, Any], ...] = (),
    classified: dict[str, Any] | None = None,
    known_id: str | None = None,
    repeat: bool = False,
) -> str:
    """Emit the decision and return its id. `because` names the resolution or the record of a release."""
    emitted_id = known_id or decision_id(context, kind, action_id, because)
    conversation = context.conversation
    if expires_ms is None and verdict == ALLOW and kind in ACTED_ON:
        expires_ms = context.ends_ms = context.now_ms + context.limits.decision_ttl_s * 1000
    reasons = ordered(findings)[:REASONS_MAX] if findings else findings
    data: dict[str, Any] = {
        "decision_id": emitted_id,
        "for": {"source": context.source, "id": context.event_id, "type": context.event_type},
        "kind": kind,
        "verdict": VERDICTS[verdict],
        "route": ROUTES[route],
        "agent_id": context.agent_id,
        "conversation_id": conversation.id,
        "execution_id": context.execution.id,
        "tenant": context.tenant,
        "reasons": [finding.as_dict() for finding in reasons],
        "skipped": skipped,
        "customer_message": TO_HUMAN
        if kind == "route" and route == 2
        # The colleague of a release has just answered: nobody else will look at it.
        else customer_message(verdict, findings, None if kind == "release" else handoff_id),
        "action_id": action_id,
        "action_digest": digest,
        "handoff_id": handoff_id,
        "expires_at": to_rfc3339(expires_ms) if expires_ms is not None else None,
        "usage": usage(context),
        "classification": classified,
        "ruleset": context.ruleset,
        "position": {"partition": context.number, "offset": context.offset},
    }
    if repeat:
        data["repeat"] = True
    if context.recorded:
        data["recorded"] = True
    if context.observed:
        data["enforcement"] = "observe"
    raw = _linked(conversation.head, data, repeat)
    context.outputs.append(_output(context, emitted_id, kind, verdict, reasons, raw))
    return emitted_id


def _output(
    context: FoldContext, emitted_id: str, kind: str, verdict: int, reasons: list[Finding], data: bytes
) -> Output:
    """The record of a decision with this `data`, not signed yet, and what metrics count of it."""
    key, quoted = context.conversation.key, context.conversation.quoted
    value = enveloped(DECISION, emitted_id, quoted, context.now_ms, data[:-1] + UNSIGNED, context.traceparent)
    labels = tuple([(each.code, each.policy_id or "", each.rule_id or "", each.mode) for each in reasons])
    return Output(DECISIONS, key, value, CLOUDEVENT, Counted(kind, VERDICTS[verdict], context.offset, labels))


def _linked(head: Conversation, data: dict[str, Any], repeat: bool) -> bytes:
    """The decision in its place in the conversation's chain, as JSON; a repeat stands there already."""
    before = head.chain or chain.START
    data["chain"] = {"since": max(head.first_offset, 0), "before": head.decisions, "digest": before.hex()}
    raw = orjson.dumps(data)
    if not repeat:
        head.chain, head.decisions = chain.extend(before, raw), head.decisions + 1
    return raw


@lru_cache(4096)
def usd(pico: int) -> Decimal:
    """Pico-dollars as a decimal number of dollars, for conditions that compare."""
    return Decimal(pico).scaleb(-12)
