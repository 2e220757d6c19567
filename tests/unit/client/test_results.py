"""Whatever a tool returns can be told."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from handrail.client.event import EventContext
from handrail.client.json_values import RESULT_BYTES_MAX, TEXT_MAX, to_json

CONTEXT = EventContext("refunds", "conv-1", "conv-1/1", "/agents/refunds")


class Order(BaseModel):
    id: str
    total: Decimal


@dataclass
class Line:
    item: str
    price: Decimal


NESTED: list[Any] = []
for _ in range(100):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, None),
        ({"total": 3.5}, {"total": 3.5}),
        ((1, "two"), [1, "two"]),
        (Order(id="A1", total=Decimal("3.50")), {"id": "A1", "total": "3.50"}),
        ([Line("tv", Decimal(900))], [{"item": "tv", "price": "900"}]),
        (datetime(2026, 11, 23, 10, 15, tzinfo=UTC), "2026-11-23T10:15:00+00:00"),
        (float("inf"), None),
        ({1: "one"}, {"1": "one"}),
        ({1: "one", "1": "uno"}, "{1: 'one', '1': 'uno'}"),
        (2**60, str(2**60)),
        ("\ud800", r"'\ud800'"),
        (NESTED, repr(NESTED)[:TEXT_MAX]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_result_is_told_as_json_or_as_text(result: Any, expected: Any) -> None:
    assert to_json(result) == expected
    data = {"action_id": "a1", "tool": "t", "arguments": {}, "status": "ok", "result": expected}
    assert CONTEXT.event("action.executed", data).data.get("result") == expected


@pytest.mark.parametrize("size", [RESULT_BYTES_MAX, 5_000_000])
def test_of_a_long_result_the_start_is_told_with_the_digest_of_all(size: int) -> None:
    result = to_json("é" * (size // 2))
    assert result["truncated"] is True
    assert result["bytes"] == size + 2
    assert len(result["start"]) == TEXT_MAX
    assert len(result["sha256"]) == 64
