"""Judging a query, an action or an answer: all detectors and rules, in one place each."""

from collections.abc import Mapping
from typing import Any

from handrail.streams.governor import approvals, limits, loops, phrases, rules, standing, underway
from handrail.streams.governor.call import Call
from handrail.streams.governor.finding import BLOCK, REQUIRE_APPROVAL, Finding
from handrail.streams.governor.rules import Skipped
from handrail.streams.governor.text import normalise, ordinal
from handrail.streams.governor.turn import Turn

PHRASE_WORDS_MIN = 3  # "yes" and "thank you" are no loop


def again(turn: Turn, call: Call) -> tuple[list[Finding], Skipped]:
    """What stands against a call, without counting it: used for a release."""
    found = standing.of_proposal(turn, call.acts)
    over = limits.over_cost(turn)
    if over is not None:
        found.append(over)
    kind = "response" if call.tool == "response" else "action"
    if kind == "action" and (untold := underway.too_many(turn)) is not None:
        found.append(untold)
    ruled, skipped = rules.judge(turn, kind, tool=call.tool, effect=call.effect, arguments=call.arguments)
    return found + ruled, skipped


def action(turn: Turn, call: Call) -> tuple[list[Finding], Skipped]:
    """A proposed action: one step, maybe a loop, and whatever stands against it."""
    over = limits.count_step(turn)
    turned = loops.observe(turn, call)
    found, skipped = again(turn, call)
    if over is not None:
        found.append(over)
    denied = approvals.was_denied(turn, call)
    if denied is not None:
        found.append(denied)
    return found + turned, skipped


def response(turn: Turn, call: Call) -> tuple[list[Finding], Skipped]:
    """A proposed answer: said too often already, too unsure, or against a rule."""
    found, skipped = again(turn, call)
    denied = approvals.was_denied(turn, call)
    if denied is not None:
        found.append(denied)
    for finding in (said_again(turn, phrases.AGENT, turn.data["text"]), unsure(turn)):
        if finding is not None:
            found.append(finding)
    return found, skipped


def llm(turn: Turn) -> tuple[list[Finding], Skipped]:
    """A call of a model that an agent asks for; it may read whoever owns the conversation."""
    found = standing.of_proposal(turn, acts=False)
    over = limits.over_cost(turn)
    if over is not None:
        found.append(over)
    ruled, skipped = rules.judge(turn, "llm", effect="read")
    return found + ruled, skipped


def query(turn: Turn, classified: dict[str, Any]) -> tuple[list[Finding], Skipped]:
    """A query: may the AI answer it, under supervision, or must a human?"""
    found = standing.of_query(turn)
    if classified["wants_human"]:
        found.append(Finding("customer.asked", BLOCK, "The customer asks for a human.", {"wants_human": True}))
    found += routed(turn, classified)
    repeated = said_again(turn, phrases.CUSTOMER, turn.data["text"])
    if repeated is not None:
        found.append(repeated)
    ruled, skipped = rules.judge(turn, "query", classification=classified)
    return found + ruled, skipped


def routed(turn: Turn, classified: dict[str, Any]) -> list[Finding]:
    """What the routing file and the least confidence say to a classification."""
    found = []
    rule = turn.bundle.route_for(routable(turn, classified))
    if rule is not None and rule.route in ("human", "ai_supervised"):
        verdict = BLOCK if rule.route == "human" else REQUIRE_APPROVAL
        message = f"Routing sends topic {classified['topic']}, risk {classified['risk']} to {rule.route}."
        evidence = {"topic": classified["topic"], "risk": classified["risk"], "intent": classified["intent"]}
        if not classified["wants_human"] or rule.route != "human":
            found.append(Finding("classification", verdict, message, evidence))
    least = turn.limits.confidence_min_query
    if least is not None and classified["confidence"] < least:
        message = f"The query was understood with confidence {classified['confidence']}, at least {least} is asked."
        evidence = {"field": "classification.confidence", "value": classified["confidence"], "threshold": least}
        found.append(Finding("confidence", BLOCK, message, evidence))
    return found


def routable(turn: Turn, classified: Mapping[str, Any]) -> dict[str, Any]:
    """What the routing file may test: the classification, the query's attributes, the customer."""
    return {**classified, "attributes": turn.data.get("attributes") or {}, "customer": turn.case.customer}


def said_again(turn: Turn, who: bytes, text: str) -> Finding | None:
    """The third time the same words within an hour, and every time after it."""
    words = normalise(text)
    if len(words.split()) < PHRASE_WORDS_MIN:
        return None
    head = turn.case.head
    head.said, count = phrases.observe(head.said, who, words, turn.now_ms)
    if count < phrases.TIMES:
        return None
    code, whose = ("loop.response", "The same answer") if who == phrases.AGENT else ("loop.customer", "The same words")
    evidence = {"value": count, "threshold": phrases.TIMES, "within_s": phrases.WITHIN_MIN * 60}
    return Finding(code, BLOCK, f"{whose} for the {ordinal(count)} time within an hour.", evidence)


def unsure(turn: Turn) -> Finding | None:
    """An answer below the least confidence; an agent that tells none is not judged by it."""
    least = turn.limits.confidence_min_response
    said = turn.data.get("confidence")
    if least is None or said is None or said >= least:
        return None
    message = f"The answer was proposed with confidence {said}, at least {least} is asked."
    return Finding("confidence", BLOCK, message, {"field": "confidence", "value": said, "threshold": least})
