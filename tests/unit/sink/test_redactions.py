"""What the sink keeps of a record, and where it says what it has taken out."""

from pathlib import Path

import orjson

from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS
from tests.book import Book, reason, rows

SECRET = ("4111", "a@b.co", "hunter2")


def private() -> Book:
    book = Book().at("2026-03-02 09:00:00")
    book.event("c-1", "query.received", text="card 4111 1111 1111 1111", customer={"ref": "u-1", "contact": "a@b.co"})
    proposal = book.event("c-1", "action.proposed", action_id="a-1", tool="t", arguments={"password": "hunter2"})
    book.decision(proposal, "action", "block", reasons=[reason("policy", message="not to a@b.co", evidence={"v": 1})])
    book.handoff("c-1", "hf-1", problem={"text": "a@b.co", "summary": "mail a@b.co"})
    book.resolution("c-1", "hf-1", "approved", note="wrote to a@b.co")
    book.event("c-1", "feedback.received", csat=4, text="reach me at a@b.co")
    book.raw(AGENT_EVENTS, b"no JSON a@b.co", b"c-1")
    book.refused(book.raw(DEADLETTERS, b"x", b"c-1"), "text: got 'a@b.co'")
    return book


def test_no_column_of_any_table_has_what_was_taken_out(tmp_path: Path) -> None:
    with private().store(tmp_path) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            shown = str(connection.execute(f"FROM {table}").fetchall())
            assert not [word for word in SECRET if word in shown], table
        (text, ref) = (
            connection.execute("SELECT text, customer_ref FROM events WHERE text IS NOT NULL").fetchone() or ()
        )
        assert (text, ref) == ("card [card …1111]", "u-1")
        (handoff,) = rows(connection, "SELECT summary FROM handoffs")
        assert handoff == {"summary": "mail [email]"}
    assert not [word for word in SECRET if word.encode() in (tmp_path / "handrail.duckdb").read_bytes()]


def test_a_row_says_what_was_taken_out_of_which_record(tmp_path: Path) -> None:
    with private().store(tmp_path) as connection:
        found = connection.execute(
            "SELECT log_topic, log_offset, conversation_id, path, kind FROM redactions ORDER BY ALL"
        ).fetchall()
    assert ("agent.events.v1", 0, "c-1", "data.text", "card") in found
    assert ("agent.events.v1", 0, "c-1", "data.customer.contact", "email") in found
    assert ("agent.events.v1", 1, "c-1", "data.arguments.password", "named") in found
    assert ("governance.decisions.v1", 0, "c-1", "data.reasons[0].message", "email") in found
    assert ("human.resolutions.v1", 0, "c-1", "data.note", "email") in found
    assert {kind for *_, path, kind in found if path in ("value", "reason")} == {"email"}


def test_a_record_without_anything_is_the_log_to_the_byte(tmp_path: Path) -> None:
    book = Book().at("2026-03-02 09:00:00")
    one = book.event("c-1", "query.received", text="order #W1234567 for $300", attributes={"n": 1.10})
    with book.store(tmp_path) as connection:
        (record,) = connection.execute("SELECT record::VARCHAR FROM events").fetchone() or ()
        assert connection.execute("FROM redactions").fetchall() == []
    assert record.encode() == one.value
    assert orjson.loads(record)["data"]["attributes"] == {"n": 1.1}
