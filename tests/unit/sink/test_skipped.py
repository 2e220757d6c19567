"""A rule whose field no event has had is found; one that had it once is not."""

from pathlib import Path

from handrail.streams.sink.skipped import Skipped, always_skipped
from tests.book import Book


def talk(book: Book, fields: list[list[str]], kind: str = "action") -> Book:
    """One decision for each list of the fields it lacked."""
    for number, missing in enumerate(fields):
        asked = book.event(f"c-{number}", "action.proposed", action_id="a", tool="refund", arguments={})
        skipped = [{"policy_id": "refunds", "rule_id": f"by-{field}", "field": field} for field in missing]
        book.decision(asked, kind, skipped=skipped)
    return book


def test_a_rule_that_was_skipped_each_time_is_named(tmp_path: Path) -> None:
    told = talk(Book().at("2026-03-02 09:00:00"), [["amount", "total"], ["amount"], ["amount"]])
    with told.store(tmp_path) as connection:
        assert always_skipped(connection, enough=3) == [Skipped("refunds", "by-amount", "amount", 3)]
        assert always_skipped(connection, enough=4) == []


def test_decisions_of_other_kinds_and_older_rulesets_do_not_count(tmp_path: Path) -> None:
    book = Book().at("2026-03-02 09:00:00")
    old = book.event("c-0", "action.proposed", action_id="a", tool="refund", arguments={})
    book.decision(old, "action", ruleset="sha256:" + "1" * 64)
    query = book.event("c-1", "query.received", text="?")
    book.decision(query, "route")
    talk(book, [["amount"], ["amount"]])
    with book.store(tmp_path) as connection:
        assert [one.rule_id for one in always_skipped(connection, enough=2)] == ["by-amount"]


def test_without_decisions_nothing_is_found(tmp_path: Path) -> None:
    book = Book().at("2026-03-02 09:00:00")
    book.event("c-0", "feedback.received", csat=5)
    with book.store(tmp_path) as connection:
        assert always_skipped(connection, enough=0) == []
