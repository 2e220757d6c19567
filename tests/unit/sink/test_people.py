"""What people answered, as the views count it, beside what was counted by hand."""

from collections.abc import Iterator
from typing import Any

import duckdb
import orjson
import pytest

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, HANDOFFS
from tests.book import Book, reason, rows


def copied(book: Book, record: Record) -> Record:
    """The worker's copy of an answer, in the conversation's partition."""
    event = orjson.loads(record.value or b"")
    data = {"type": event["type"], "source": event["source"], "id": event["id"], "resolution": event["data"]}
    return book.cloudevent(AGENT_EVENTS, "control.resolution", event["subject"], data)


def closed(book: Book, name: str, cause: str) -> None:
    ids = {"handoff_id": f"hf-{name}", "conversation_id": name}
    data = {**ids, "cause": cause, "owner": "human", "at": to_rfc3339(book.now_ms)}
    book.cloudevent(HANDOFFS, "handoff.closed", name, data)


def answer(book: Book, name: str, outcome: str, **more: Any) -> Record:
    return book.resolution(name, f"hf-{name}", outcome, **more)


def story(book: Book) -> None:
    """Queue `people`: answered, answered late, answered by somebody who may not, answered and its webhook given up."""
    high = reason("policy", policy_id="refunds", rule_id="high", action="block")
    for name in ("good", "late", "forged", "hooked"):
        book.at("2026-05-01 10:00:00").handoff(name, f"hf-{name}", queue="people", reasons=[high], reason=high)
    book.at("2026-05-01 10:05:00")
    copied(book, answer(book, "good", "returned", labels=["invoice", "vip"], context_missing=["order id"]))
    closed(book, "good", "resolved")
    book.at("2026-05-01 10:06:00")
    closed(book, "late", "expired")
    book.at("2026-05-01 10:07:00")
    copied(book, answer(book, "late", "returned", labels="invoice", handoff_needed=False))
    book.refused(copied(book, answer(book, "forged", "returned", handoff_needed=False)), "data.signature: is missing")
    book.refused(
        answer(book, "hooked", "resolved", labels={"kind": "refund", "n": 2}), "webhook desk: tried 4 times: HTTP 500"
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    book = Book()
    story(book)
    with book.store(tmp_path_factory.mktemp("people")) as connection:
        yield connection


def test_only_what_counted_is_an_answer(stored: duckdb.DuckDBPyConnection) -> None:
    found = rows(stored, "SELECT conversation_id FROM resolutions_once ORDER BY 1")
    assert [row["conversation_id"] for row in found] == ["good", "hooked"]
    (quality,) = rows(stored, "FROM handoff_quality WHERE queue = 'people'")
    assert (quality["n"], quality["answered"], quality["expired"], quality["open"]) == (4, 2, 1, 1)
    (high,) = rows(stored, "FROM rules WHERE rule_id = 'high'")
    assert (high["overridden"], high["upheld"]) == (1, 0)


def test_labels_and_what_had_to_be_asked_again_are_counted(stored: duckdb.DuckDBPyConnection) -> None:
    (quality,) = rows(stored, "FROM handoff_quality WHERE queue = 'people'")
    assert quality["labels"] == {"invoice": 1, "vip": 1, "kind=refund": 1, "n=2": 1}
    assert quality["asked_again"] == {"order id": 1}
    by_rule = rows(stored, "SELECT rule_id, label, count(*) AS n FROM resolution_labels GROUP BY ALL ORDER BY label")
    assert [(row["rule_id"], row["label"]) for row in by_rule] == [
        ("high", "invoice"), ("high", "kind=refund"), ("high", "n=2"), ("high", "vip"),
    ]  # fmt: skip
