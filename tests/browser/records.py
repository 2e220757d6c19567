"""Handoffs straight onto the log, for what no fold would write so quickly, or so hostile."""

import copy
import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import HANDOFFS
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.topics import ensure_topics

SAMPLE = Path(__file__).resolve().parents[2] / "handrail" / "schemas" / "samples" / "v1" / "handoff.json"
PRIORITIES = ("urgent", "high", "normal", "low")
QUEUES = ("refunds", "fraud", "general", "service")


def handoff(number: int, now_ms: int, **data: Any) -> dict[str, Any]:
    """A handoff of its own conversation; each is of another queue, priority and time than the ones beside it."""
    event: dict[str, Any] = json.loads(SAMPLE.read_text())
    sample = copy.deepcopy(event)
    name, conversation = f"hf-{number:024x}", f"conv-{number}"
    pending = {**sample["data"]["pending"], "arguments": {"order_id": f"A-{number}", "amount": number}}
    pending["action_digest"] = sha256(str(number).encode()).hexdigest()
    fields = {
        "handoff_id": name,
        "conversation_id": conversation,
        "opened_at": to_rfc3339(now_ms),
        "due_at": to_rfc3339(now_ms + (number % 90 + 1) * 60_000),
        "queue": QUEUES[number % 4],
        "priority": PRIORITIES[number // 4 % 4],
        "customer": {"ref": f"cust-{number}", "tier": "gold"},
        "pending": pending,
        **data,
    }
    return {**sample, "id": f"{name}.1", "subject": conversation, "data": {**sample["data"], **fields}}


async def publish(bootstrap: str, events: Iterable[dict[str, Any]], topic: str = HANDOFFS) -> None:
    """They are on the topic."""
    await ensure_topics(bootstrap)
    async with Producer(bootstrap) as producer:
        count = await producer.partitions(topic)
        for number, rows in _by_partition(events, count):
            await producer.write(topic, number, rows)


def _by_partition(events: Iterable[dict[str, Any]], count: int) -> Iterator[tuple[int, list[Row]]]:
    rows: dict[int, list[Row]] = {}
    for event in events:
        key = event["subject"].encode()
        rows.setdefault(partition_of(key, count), []).append(Row(key, json.dumps(event).encode(), CLOUDEVENT))
    yield from rows.items()
