"""Redacted values of a handoff, read from the agents' own log, for the desk's role `revealer`; the desk audits it.

A handoff names its conversation's place on `agent.events.v1`; nothing else is read, and of that only this conversation.
What a rule said (`reason…`) is no part of the events: the decision has it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from aiokafka import TopicPartition

from handrail.kafka.reachable import reachable
from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.reading import stretch
from handrail.streams.governor.redaction import redact_text

RECORDS_MAX = 200_000  # of the partition, other conversations' included
SECONDS_MAX = 10.0
SHOWN_MAX = 4_000  # characters of one value
EXECUTED = "handrail.action.executed.v1"
PROPOSED = "handrail.action.proposed.v1"
ANSWER = "handrail.response.proposed.v1"
ASKED = "handrail.query.received.v1"

Events = list[tuple[int, dict[str, Any]]]
"""(offset, CloudEvent) of one conversation, in the order of the log."""


async def reveal(bootstrap: str, handoff: Mapping[str, Any], path: str) -> str | None:
    """The value at one of the handoff's `redacted` paths, as text, cut to SHOWN_MAX characters.

    None where it is gone: retention has removed it, it lies further back than RECORDS_MAX records or SECONDS_MAX of
    reading, or the path names nothing. Raises ConfigError where the broker cannot be reached.
    """
    if path not in handoff["redacted"]:
        return None
    return shown(original(handoff, path, await _events(bootstrap, handoff)))


def original(handoff: Mapping[str, Any], path: str, events: Events) -> Any:
    """The value as the events have it; None where they do not. Pure."""
    head, rest = _split(path)
    if head == "transcript":
        return _content(_row(handoff["transcript"], rest), events)
    if head == "attempts":
        return _attempt(_row(handoff["attempts"], rest), rest.partition("]")[2].removeprefix("."), events)
    if head == "pending":
        return _pending(handoff.get("pending") or {}, rest, events)
    if head in ("customer", "contact"):
        return _at(_customer(events), rest if head == "customer" else "contact")
    if head == "problem":
        return _problem(events)
    latest = (event["data"][head] for _, event in reversed(events) if isinstance(event["data"].get(head), str))
    return next(latest, None) if head in ("goal", "channel", "locale") else None


def shown(value: Any) -> str | None:
    """Text as it is, all else as JSON; at most SHOWN_MAX characters."""
    if value is None:
        return None
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


async def _events(bootstrap: str, handoff: Mapping[str, Any]) -> Events:
    place, key = handoff["log"], str(handoff["conversation_id"]).encode()
    tp = TopicPartition(AGENT_EVENTS, place["partition"])
    first = max(0, place["first_offset"], place["last_offset"] + 1 - RECORDS_MAX)
    events: Events = []
    with reachable(bootstrap):
        try:
            async with asyncio.timeout(SECONDS_MAX):
                async with aclosing(stretch(bootstrap, tp, first, place["last_offset"] + 1)) as log:
                    async for record in log:
                        if record.key == key and (event := _read(record.value)) is not None:
                            events.append((record.offset, event))
        except TimeoutError:
            return events
    return events


def _read(value: bytes | None) -> dict[str, Any] | None:
    """None for what the governor refused too."""
    try:
        return decode(value).raw
    except SchemaError:
        return None


def _content(row: Mapping[str, Any], events: Events) -> Any:
    data: dict[str, Any] = next((event["data"] for offset, event in events if offset == row.get("offset")), {})
    if "text" in data:
        return data["text"]
    return {name: data[name] for name in ("tool", "arguments", "status") if name in data} or None


def _attempt(row: Mapping[str, Any], rest: str, events: Events) -> Any:
    """Of the event at the attempt's offset; what came of it, of the next execution of that action."""
    name, inner = _split(rest)
    later = [event for offset, event in events if offset >= row.get("offset", 1 << 62)]
    wanted = EXECUTED if name in ("result", "error") else None
    for event in later:
        data = event["data"]
        if data.get("action_id") == row.get("action_id") and wanted in (None, event["type"]):
            return _at(data.get(name), inner)
    return None


def _pending(pending: Mapping[str, Any], rest: str, events: Events) -> Any:
    """Of the latest proposal with the waiting action's id."""
    name, inner = _split(rest)
    for _, event in reversed(events):
        data = event["data"]
        if event["type"] == PROPOSED and data["action_id"] == pending.get("action_id"):
            return _at(data.get(name), inner)
        if event["type"] == ANSWER and data["response_id"] == pending.get("action_id"):
            return data["text"]
    return None


def _customer(events: Events) -> dict[str, Any]:
    """As the fold learns it: later keys win, the account key by key."""
    known: dict[str, Any] = {}
    for _, event in events:
        customer = event["data"].get("customer")
        if isinstance(customer, dict):
            account = {**_dict(known.get("account")), **_dict(customer.get("account"))}
            known |= customer
            if account:
                known["account"] = account
    return known


def _problem(events: Iterable[tuple[int, dict[str, Any]]]) -> str | None:
    words = [str(event["data"]["text"]) for _, event in events if event["type"] == ASKED]
    return "\n…\n".join(dict.fromkeys((words[0], words[-1]))) if words else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _split(path: str) -> tuple[str, str]:
    """(the first name of a path, what follows it)."""
    for at, sign in enumerate(path):
        if sign in ".[":
            return path[:at], path[at:].removeprefix(".")
    return path, ""


def _row(rows: list[dict[str, Any]], rest: str) -> Mapping[str, Any]:
    number = rest.removeprefix("[").partition("]")[0]
    return rows[int(number)] if number.isdigit() and int(number) < len(rows) else {}


def _at(value: Any, path: str) -> Any:
    """What lies at the path; where the handoff shows only the start of a value (`cut`), all of it."""
    if not path or value is None:
        return value
    if path.startswith("["):
        number, _, rest = path[1:].partition("]")
        inside = isinstance(value, list) and number.isdigit() and int(number) < len(value)
        return _at(value[int(number)], rest.removeprefix(".")) if inside else None
    for name, inner in _dict(value).items():
        for shown_name in (name, redact_text(name).text):  # a name may hide something too
            if path == shown_name or path.startswith((f"{shown_name}.", f"{shown_name}[")):
                return _at(inner, path[len(shown_name) :].removeprefix("."))
    return value if path == "cut" else None
