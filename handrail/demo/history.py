"""The twelve weeks of the simulation as records with their log time, and how they get on the log."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer

from handrail.demo import simulation
from handrail.demo.simulation import Conversation
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.topics import AGENT_EVENTS, RESOLUTIONS

SOURCE = "/simulation/twelve-weeks"
AGENT = "simulated-assistant"
OPENING_MS, OPEN_MS = 8 * 3_600_000, 12 * 3_600_000  # of a day
STEP_MS = 40_000
RETURNING, RETURN_DAYS_MAX, AFTER_AI = (
    0.08,
    6,
    2,
)  # share of conversations; days; how much more often than after a human
MODEL = {"provider": "simulation", "name": "gpt-4.1"}
TEXTS = {
    "delivery_status": "Where is my parcel? It should have been here on Monday.",
    "refund_request": "I would like a refund for the lamp that arrived broken.",
    "address_change": "Can I still change the delivery address of my order?",
    "cancellation": "How do I cancel my subscription?",
    "product_question": "Which of your teas has no caffeine?",
}


class Entry(NamedTuple):
    """One record: where it goes, its log time in milliseconds, the CloudEvent."""

    topic: str
    at_ms: int
    event: dict[str, Any]


def first_day(now_ms: int) -> date:
    """The twelve weeks end with the day before today (UTC)."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).date() - timedelta(days=simulation.DAYS)


def days(now_ms: int) -> Iterator[list[Entry]]:
    """All records, day by day, each day's in the order of time."""
    midnight = datetime.combine(first_day(now_ms), datetime.min.time(), UTC)
    start_ms = int(midnight.timestamp() * 1000)
    conversations = list(simulation.conversations())
    for day, talks_of_day in groupby(
        zip(conversations, customers(conversations), strict=True), key=lambda pair: pair[0].day
    ):
        pairs = list(talks_of_day)
        opening = start_ms + day * 86_400_000 + OPENING_MS
        entries = [
            entry
            for talk, customer in pairs
            for entry in _entries(talk, customer, opening + talk.number * OPEN_MS // len(pairs))
        ]
        yield sorted(entries, key=lambda entry: entry.at_ms)


def customers(talks: Sequence[Conversation]) -> Iterator[str]:
    """Who each conversation is with. Some come back within days about the same thing, more often after the AI."""
    dice = random.Random(simulation.SEED)
    earlier: dict[str, list[tuple[Conversation, str]]] = {}
    for talk in talks:
        name = f"simulated-customer-{talk.day:02d}-{talk.number:02d}"
        candidates = [
            candidate
            for candidate in earlier.get(talk.intent, [])
            if 0 < talk.day - candidate[0].day <= RETURN_DAYS_MAX
        ]
        if candidates and dice.random() < RETURNING:
            weights = [1 if candidate.human else AFTER_AI for candidate, _ in candidates]
            ((_, name),) = dice.choices(candidates, weights)
        earlier[talk.intent] = [*candidates, (talk, name)]
        yield name


def _entries(talk: Conversation, customer: str, at_ms: int) -> Iterator[Entry]:
    name = f"simulated-{talk.day:02d}-{talk.number:02d}"
    for number, (kind, data) in enumerate((_human if talk.human else _ai)(talk, customer)):
        moment = at_ms + number * STEP_MS
        if kind == "resolution":
            fields = {"handoff_id": f"{name}-desk", "conversation_id": name, "at": to_rfc3339(moment), **data}
            yield Entry(RESOLUTIONS, moment, _event(f"{name}-{number}", "resolution", name, moment, fields))
        else:
            fields = {"agent_id": AGENT, "conversation_id": name, "execution_id": f"{name}/1", "recorded": True, **data}
            yield Entry(AGENT_EVENTS, moment, _event(f"{name}-{number}", kind, name, moment, fields))


def _ai(talk: Conversation, customer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    usage = {"input_tokens": round(talk.cost_usd * 400_000), "output_tokens": 300}
    yield _asked(talk, customer)
    yield "llm.completed", {"model": MODEL, "usage": usage, "cost_usd": f"{talk.cost_usd:.4f}"}
    yield "message.sent", {"role": "assistant", "text": "Here is what I found."}
    yield "execution.ended", {"outcome": "resolved"}
    yield from _rated(talk)


def _human(talk: Conversation, customer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield _asked(talk, customer)
    yield "execution.ended", {"outcome": "transferred"}
    yield "message.sent", {"role": "human_agent", "text": "I have looked into it for you."}
    yield "resolution", {"outcome": "resolved", "by": {"id": "desk-sim"}, "cost_usd": f"{talk.cost_usd:.4f}"}
    yield from _rated(talk)


def _asked(talk: Conversation, customer: str) -> tuple[str, dict[str, Any]]:
    return "query.received", {"text": TEXTS[talk.intent], "channel": "chat", "customer": {"ref": customer}}


def _rated(talk: Conversation) -> Iterator[tuple[str, dict[str, Any]]]:
    if talk.csat is not None:
        yield "feedback.received", {"csat": talk.csat}


def _event(name: str, kind: str, subject: str, at_ms: int, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": f"handrail.{kind}.v1",
        "subject": subject,
        "time": to_rfc3339(at_ms),
        "datacontenttype": "application/json",
        "data": data,
    }


async def publish(bootstrap: str, now_ms: int) -> list[tuple[str, str]]:
    """All records are on the log, in the order of time; gives (source, id) of the last day's queries.

    A day is acknowledged before the next one leaves: no partition runs a day ahead of the others.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=1)
    await producer.start()
    entries: list[Entry] = []
    try:
        for entries in days(now_ms):
            await asyncio.gather(*[await _send(producer, entry) for entry in entries])
    finally:
        await producer.stop()
    asked = (entry.event for entry in entries if entry.event["type"] == "handrail.query.received.v1")
    return [(event["source"], event["id"]) for event in asked]


async def _send(producer: AIOKafkaProducer, entry: Entry) -> "asyncio.Future[Any]":
    key = entry.event["subject"].encode()
    sent: asyncio.Future[Any] = await producer.send(
        entry.topic, orjson.dumps(entry.event), key=key, timestamp_ms=entry.at_ms, headers=list(CLOUDEVENT)
    )
    return sent
