"""Two made-up weeks before today, so that there is something to see by day. Seeded: the same weeks each time."""

import random
from collections.abc import Iterator
from typing import Any

from handrail.schemas.clock import to_rfc3339

SOURCE = "/demo/history"
DAYS, A_DAY = 14, 8
DAY_MS = 86_400_000
QUERIES = (
    ("Where is my parcel? It should have been here on Monday.", "check_delivery", {"status": "in transit"}),
    ("I would like a refund for the lamp that arrived broken.", "issue_refund", {"refunded": 35}),
    ("Can I still change the delivery address of my order?", "change_address", {"changed": True}),
    ("How do I cancel my subscription?", "get_order", {"total": 9}),
)


def events(now_ms: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """(log time in milliseconds, event) in the order of time: DAYS days with A_DAY conversations each.

    The weeks tell a story: the agent gets cheaper day by day, and the customers less content.
    """
    dice = random.Random(2024)
    for day in range(DAYS):
        start = now_ms - (DAYS - day) * DAY_MS
        for number in range(A_DAY):
            at = start + number * 3_600_000
            yield from _conversation(f"history-{day:02d}-{number}", at, day / DAYS, dice)


def _conversation(name: str, at: int, eroded: float, dice: random.Random) -> Iterator[tuple[int, dict[str, Any]]]:
    text, tool, result = dice.choice(QUERIES)
    tokens = int(dice.uniform(18_000, 26_000) * (1 - 0.5 * eroded))
    csat = max(1, min(5, round(dice.gauss(4.6 - 1.3 * eroded, 0.6))))
    arguments = {"order_id": f"H-{name[8:]}"} | ({"amount": 35} if tool == "issue_refund" else {})
    model = {"provider": "demo", "name": "gpt-4.1"}
    customer = {"ref": f"cust-{dice.randrange(60)}"}
    resolved = "resolved" if dice.random() > 0.12 else "transferred"
    steps: list[tuple[str, dict[str, Any]]] = [
        ("query.received", {"text": text, "channel": "chat", "customer": customer}),
        ("llm.completed", {"model": model, "usage": {"input_tokens": tokens, "output_tokens": 300}}),
        ("action.proposed", {"action_id": "a1", "tool": tool, "arguments": arguments}),
        (
            "action.executed",
            {"action_id": "a1", "tool": tool, "arguments": arguments, "status": "ok", "result": result},
        ),
        ("response.proposed", {"response_id": "r1", "text": f"Done: {text.lower()}", "confidence": 0.9}),
        ("message.sent", {"role": "assistant", "text": f"Done: {text.lower()}", "response_id": "r1"}),
        ("execution.ended", {"outcome": resolved}),
        ("feedback.received", {"csat": csat}),
    ]
    for number, (kind, data) in enumerate(steps):
        moment = at + number * 20_000
        common = {"agent_id": "shop-agent", "conversation_id": name, "execution_id": f"{name}/1", "recorded": True}
        yield (
            moment,
            {
                "specversion": "1.0",
                "id": f"{name}-{number}",
                "source": SOURCE,
                "type": f"handrail.{kind}.v1",
                "subject": name,
                "time": to_rfc3339(moment),
                "datacontenttype": "application/json",
                "data": {**common, **data},
            },
        )
