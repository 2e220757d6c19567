"""What all detectors and rules find against a proposal or a query; one function for each kind."""

from collections.abc import Mapping
from typing import Any

from handrail.streams.governor import approvals, calls_under_way, limits, loops, phrases, preconditions, rules
from handrail.streams.governor.finding import BLOCK, REQUIRE_APPROVAL, Finding, ordinal
from handrail.streams.governor.fold_context import ActionCall, FoldContext
from handrail.streams.governor.phrases import normalise
from handrail.streams.governor.rules import Skipped

PHRASE_WORDS_MIN = 3  # "yes" and "thank you" are no loop


def of_release(context: FoldContext, call: ActionCall) -> tuple[list[Finding], Skipped]:
    """What is found against a call, without counting it: a release assesses it again."""
    findings = preconditions.of_proposal(context, call.acts)
    over = limits.over_cost(context)
    if over is not None:
        findings.append(over)
    kind = "response" if call.tool == "response" else "action"
    if kind == "action" and (unreported := calls_under_way.too_many(context)) is not None:
        findings.append(unreported)
    ruled, skipped = rules.evaluate(context, kind, tool=call.tool, effect=call.effect, arguments=call.arguments)
    return findings + ruled, skipped


def of_action(context: FoldContext, call: ActionCall) -> tuple[list[Finding], Skipped]:
    """A proposed action: counts a step, maybe finds a loop, and everything else against it."""
    over = limits.count_step(context)
    turned = loops.observe(context, call)
    findings, skipped = of_release(context, call)
    if over is not None:
        findings.append(over)
    denied = approvals.was_denied(context, call)
    if denied is not None:
        findings.append(denied)
    return findings + turned, skipped


def of_response(context: FoldContext, call: ActionCall) -> tuple[list[Finding], Skipped]:
    """A proposed answer: repeated too often, of too little confidence, or against a rule."""
    findings, skipped = of_release(context, call)
    denied = approvals.was_denied(context, call)
    if denied is not None:
        findings.append(denied)
    for finding in (repeated_words(context, phrases.AGENT, context.data["text"]), unsure(context)):
        if finding is not None:
            findings.append(finding)
    return findings, skipped


def of_llm_call(context: FoldContext) -> tuple[list[Finding], Skipped]:
    """A call of a model that an agent asks for; it only reads, so ownership does not matter."""
    findings = preconditions.of_proposal(context, acts=False)
    over = limits.over_cost(context)
    if over is not None:
        findings.append(over)
    ruled, skipped = rules.evaluate(context, "llm", effect="read")
    return findings + ruled, skipped


def of_query(context: FoldContext, classified: dict[str, Any]) -> tuple[list[Finding], Skipped]:
    """A query: may the AI answer it, under supervision, or must a human?"""
    findings = preconditions.of_query(context)
    if classified["wants_human"]:
        findings.append(Finding("customer.asked", BLOCK, "The customer asks for a human.", {"wants_human": True}))
    findings += routed(context, classified)
    repeated = repeated_words(context, phrases.CUSTOMER, context.data["text"])
    if repeated is not None:
        findings.append(repeated)
    ruled, skipped = rules.evaluate(context, "query", classification=classified)
    return findings + ruled, skipped


def routed(context: FoldContext, classified: dict[str, Any]) -> list[Finding]:
    """What the routing file and the least confidence find against a classification."""
    findings = []
    rule = context.bundle.route_for(routable(context, classified))
    if rule is not None and rule.route in ("human", "ai_supervised"):
        verdict = BLOCK if rule.route == "human" else REQUIRE_APPROVAL
        message = f"Routing sends topic {classified['topic']}, risk {classified['risk']} to {rule.route}."
        evidence = {"topic": classified["topic"], "risk": classified["risk"], "intent": classified["intent"]}
        if not classified["wants_human"] or rule.route != "human":
            findings.append(Finding("classification", verdict, message, evidence))
    least = context.limits.confidence_min_query
    if least is not None and classified["confidence"] < least:
        message = f"The query was understood with confidence {classified['confidence']}, at least {least} is asked."
        evidence = {"field": "classification.confidence", "value": classified["confidence"], "threshold": least}
        findings.append(Finding("confidence", BLOCK, message, evidence))
    return findings


def routable(context: FoldContext, classified: Mapping[str, Any]) -> dict[str, Any]:
    """What the routing file may test: the classification, the query's attributes, the customer."""
    return {**classified, "attributes": context.data.get("attributes") or {}, "customer": context.conversation.customer}


def repeated_words(context: FoldContext, who: bytes, text: str) -> Finding | None:
    """The third time the same words within an hour, and every time after it."""
    words = normalise(text)
    if len(words.split()) < PHRASE_WORDS_MIN:
        return None
    head = context.conversation.head
    head.said, count = phrases.observe(head.said, who, words, context.now_ms)
    if count < phrases.TIMES:
        return None
    code, whose = ("loop.response", "The same answer") if who == phrases.AGENT else ("loop.customer", "The same words")
    evidence = {"value": count, "threshold": phrases.TIMES, "within_s": phrases.WITHIN_MIN * 60}
    return Finding(code, BLOCK, f"{whose} for the {ordinal(count)} time within an hour.", evidence)


def unsure(context: FoldContext) -> Finding | None:
    """An answer below the least confidence; without a confidence nothing is found."""
    least = context.limits.confidence_min_response
    confidence = context.data.get("confidence")
    if least is None or confidence is None or confidence >= least:
        return None
    message = f"The answer was proposed with confidence {confidence}, at least {least} is asked."
    return Finding("confidence", BLOCK, message, {"field": "confidence", "value": confidence, "threshold": least})
