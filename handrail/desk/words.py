"""Handoffs in plain words, safe to print: what customers and agents wrote cannot move a terminal's cursor."""

import json
from typing import Any

from handrail.printable import line as line
from handrail.printable import plain as plain

REASONS = {
    "policy": "A rule stands against it.",
    "loop.repeat": "The agent made the same call again and again.",
    "loop.cycle": "The agent went round in circles.",
    "loop.response": "The agent gave the same answer again and again.",
    "loop.customer": "The customer had to say the same thing again and again.",
    "limit.steps": "The agent has used up its steps.",
    "limit.cost": "The agent has used up its money.",
    "limit.time": "The agent has used up its time.",
    "budget": "A budget is used up.",
    "confidence": "The AI was not sure enough.",
    "breaker": "The agent is switched off after too many failures.",
    "agent.mode": "The agent does not work alone at the moment.",
    "agent.source": "Somebody speaks as the agent from where it does not speak.",
    "agent.tenant": "The agent is not there for this tenant.",
    "model.unverified": "The agent's model has changed and was not checked yet.",
    "owner.human": "A human has this conversation.",
    "halted": "The conversation was halted.",
    "classification": "Queries of this kind go to a human.",
    "customer.asked": "The customer asks for a human.",
    "approval.outdated": "It was approved before the latest news.",
}
NEWS = {
    "customer.wrote": "the customer wrote",
    "customer.acted": "the customer did",
    "agent.wrote": "the AI wrote",
    "human.wrote": "a person wrote",
}


def value(value: Any) -> str:
    """A JSON value as people read it: text as it is, all else in JSON."""
    return plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def call(pending: dict[str, Any]) -> str:
    """What the agent wants to do, in one line: `run refund(amount=300)`, `send “Hello”`."""
    arguments = pending["arguments"]
    if pending["tool"] == "response":
        return f"send “{line(str(arguments.get('text')))}”"
    return line(f"run {pending['tool']}({arguments_of(arguments)})")


def arguments_of(arguments: dict[str, Any]) -> str:
    """`order_id="#7", amount=300`"""
    return ", ".join(f"{name}={plain(json.dumps(value, ensure_ascii=False))}" for name, value in arguments.items())


def reason(reason: dict[str, Any]) -> str:
    """Why it came to a human, in a sentence or two."""
    sentence = REASONS.get(reason["code"], "")
    message = line(reason["message"])
    return message if not sentence or message == sentence else f"{sentence} {message}"


def happened(news: dict[str, Any]) -> str:
    """One thing that is new in a conversation: `the customer wrote “please do not”`, `refund ran (ok)`."""
    if news["what"] == "action.ran":
        return line(f"{news.get('tool')} ran ({news.get('status')})")
    return f"{NEWS[news['what']]} “{line(news.get('text') or '')}”"


def latest(news: list[dict[str, Any]]) -> str:
    """The latest thing that is new, for `since …, …`."""
    return happened(news[-1]) if news else "it has changed"


def rule(reason: dict[str, Any]) -> str:
    """The rule or detector: `refunds/refund-too-high`, `limit.cost`."""
    named = f"{reason['policy_id']}/{reason['rule_id']}" if reason.get("policy_id") else reason["code"]
    return line(named)


def span(ms: int) -> str:
    """A length of time in its two largest units: `58 min`, `2 h 5 min`, `40 s`."""
    seconds = abs(ms) // 1000
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def left(due_ms: int | None, now_ms: int) -> str:
    """How long until it is due: `58 min`, `late 3 min`; empty where nothing is due."""
    if due_ms is None:
        return ""
    return span(due_ms - now_ms) if due_ms > now_ms else f"late {span(now_ms - due_ms)}"
