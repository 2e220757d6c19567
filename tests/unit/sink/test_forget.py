"""Forgetting a customer: every row, every page of the files, and whatever is read again."""

from pathlib import Path

import pytest

from handrail.schemas.errors import ConfigError
from handrail.streams.sink import database, snapshot
from handrail.streams.sink.erase import erase
from handrail.streams.sink.forgetting import BY_CONVERSATION, BY_KEY
from handrail.streams.sink.forgotten import FORGOTTEN_FILE, Forgotten
from handrail.streams.sink.schema import migrations
from handrail.streams.sink.sink import Batch, _without
from handrail.streams.sink.stage import stage, staged
from handrail.streams.sink.store import Store
from tests.book import Book
from tests.databases import open_store

WORD = b"marmalade"


def told() -> Book:
    """Two customers; only the first of their records names them. An alert about others has one as an example."""
    book = Book().at("2026-03-02 09:00:00")
    for name, word in (("1", "marmalade"), ("2", "honey")):
        asked = book.event(f"c-{name}", "query.received", text=f"my {word}", customer={"ref": f"u-{name}"})
        book.decision(asked, "route")
        customer = {"ref": f"u-{name}"}
        book.handoff(f"c-{name}", f"hf-{name}", customer=customer, problem={"text": word, "summary": word})
        book.resolution(f"c-{name}", f"hf-{name}", "approved", note=word)
        book.alert(f"c-{name}", "bypass" if name == "1" else "sla")
        book.event(f"c-{name}", "feedback.received", csat=4, text=word)
        book.event(f"c-{name}", "evaluation.scored", scorer="s", score=0.5, about={"w": word})
        book.raw("agent.events.v1", f"torn {word}".encode(), f"c-{name}".encode())
        book.refused(book.raw("agent.events.v1", f"bad {word}".encode(), f"c-{name}".encode()))
    return book


def lines(book: Book) -> list[tuple[str, bytes]]:
    return [stage(record, headers) for record, headers in book.records]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    store = open_store(tmp_path / database.LIVE)
    store.write("cluster-1", lines(told()), told().ends)
    assert snapshot.take(store) is not None
    store.close()
    return tmp_path


def holding(data: Path, word: bytes) -> list[str]:
    return sorted(path.name for path in data.rglob("*") if path.is_file() and word in path.read_bytes())


def test_nothing_of_the_customer_is_in_any_table_or_byte_of_any_file(data: Path) -> None:
    assert holding(data, WORD) == [database.LIVE, database.SNAPSHOT]
    found = erase(data, "u-1", None, 0)
    assert found.clean
    assert {name: n for name, n in found.removed.items() if n} == {
        "conversations": 1, "events": 3, "decisions": 1, "handoffs": 1, "resolutions": 1, "alerts": 1, "feedback": 1,
        "scores": 1, "unreadable": 2, "deadletters": 1,
    }  # fmt: skip
    assert holding(data, WORD) == holding(data, b"u-1") == holding(data, b"c-1") == []
    assert holding(data, b"honey") == [database.LIVE, database.SNAPSHOT]


def test_the_file_alone_would_still_have_it_in_free_pages(data: Path) -> None:
    store = open_store(data / database.LIVE)
    store.forget("u-1", None)
    assert store.checkpoint()
    assert WORD in (data / database.LIVE).read_bytes()
    store.close()


def test_the_database_goes_on_as_before(data: Path) -> None:
    erase(data, "u-1", None, 0)
    store = open_store(data / database.LIVE)
    assert store.offsets("cluster-1") == told().ends
    book = Book().at("2026-03-03 09:00:00")
    book.event("c-3", "query.received", text="hello", customer={"ref": "u-3"})
    store.write("cluster-1", lines(book), book.ends)
    with store.cursor() as cursor:
        asked = "SELECT conversation_id FROM conversations ORDER BY 1"
        assert cursor.execute(asked).fetchall() == [("c-2",), ("c-3",)]
        assert cursor.execute("SELECT count(*) FROM migrations").fetchone() == (len(migrations()),)
    store.close()


def test_twice_does_no_harm_and_finds_nothing(data: Path) -> None:
    erase(data, "u-1", None, 0)
    assert not any(erase(data, "u-1", None, 0).removed.values())


def test_only_the_tenants_own_customer_goes(data: Path) -> None:
    assert not any(erase(data, "u-1", "other", 0).removed.values())
    assert erase(data, "u-1", "default", 0).removed["conversations"] == 1


def test_the_same_conversation_id_of_another_cluster_stays(data: Path) -> None:
    store = open_store(data / database.LIVE)
    book = Book().at("2026-03-02 09:00:00")
    book.event("c-1", "query.received", text="another log's", customer={"ref": "u-9"})
    store.write("cluster-2", lines(book), book.ends)
    store.close()
    erase(data, "u-1", None, 0)
    store = open_store(data / database.LIVE)
    with store.cursor() as cursor:
        assert cursor.execute("SELECT log_cluster FROM events WHERE conversation_id = 'c-1'").fetchall() == [
            ("cluster-2",)
        ]
    store.close()


def test_other_alerts_name_the_conversation_no_longer(data: Path) -> None:
    store = open_store(data / database.LIVE)
    with store.cursor() as cursor:
        named = 'replace(record::VARCHAR, \'["c-2"]\', \'["c-1","c-2"]\')'
        cursor.execute(f"UPDATE alerts SET examples = ['c-1', 'c-2'], record = {named} WHERE kind = 'sla'")
    store.close()
    erase(data, "u-1", None, 0)
    store = open_store(data / database.LIVE)
    with store.cursor() as cursor:
        assert cursor.execute("SELECT examples FROM alerts").fetchall() == [(["[forgotten]", "c-2"],)]
    store.close()


def read_again(store: Store, book: Book) -> Batch:
    read = [(record.timestamp_ms, staged(record, headers)) for record, headers in book.records]
    return _without(read, store.forgotten, "cluster-1")


def test_what_is_read_again_stays_out(data: Path) -> None:
    erase(data, "u-1", None, 0)
    store = open_store(data / database.LIVE)
    batch = read_again(store, told())
    assert len(batch.lines) == len(told().records) / 2
    assert not any(WORD in line for _, line in batch.lines)
    store.close()


def test_a_conversation_that_names_them_late_takes_its_earlier_rows_with_it(data: Path) -> None:
    erase(data, "u-1", None, 0)
    store = open_store(data / database.LIVE)
    first, later = Book().at("2026-03-02 08:00:00"), Book().at("2026-03-02 08:10:00")
    first.event("c-9", "query.received", text="marmalade again")
    later.event("c-9", "feedback.received", csat=1, customer={"ref": "u-1"})
    for book in (first, later):
        batch = read_again(store, book)
        store.write("cluster-1", batch.lines, book.ends, batch.returned)
    with store.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM events WHERE conversation_id = 'c-9'").fetchone() == (0,)
    store.close()
    assert open_store(data / database.LIVE).forgotten.has("cluster-1", "c-9")


def test_who_comes_back_later_is_a_customer_like_any_other(data: Path) -> None:
    erase(data, "u-1", None, 0)
    store = open_store(data / database.LIVE)
    book = Book().at("2999-01-01 00:00:00")
    book.event("c-77", "query.received", text="hello", customer={"ref": "u-1"})
    assert len(read_again(store, book).lines) == 1
    store.close()


def test_the_desk_reads_who_is_forgotten_from_a_file_without_names(data: Path) -> None:
    assert not Forgotten.read(data)
    erase(data, "u-1", None, 0)
    found = Forgotten.read(data)
    assert found.has("cluster-1", "c-1")
    assert found.names("u-1", "default", 0)
    assert not found.names("u-2", "default", 0)
    assert b"u-1" not in (data / FORGOTTEN_FILE).read_bytes()
    assert (data / FORGOTTEN_FILE).stat().st_mode & 0o77 == 0


def test_a_folder_without_a_database_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no database there"):
        erase(tmp_path, "u-1", None, 0)


def test_every_table_with_a_conversation_is_emptied_of_it(data: Path) -> None:
    store = open_store(data / database.LIVE)
    with store.cursor() as cursor:
        asked = "SELECT DISTINCT table_name FROM duckdb_columns() WHERE column_name IN ('conversation_id', 'key')"
        tables = {name for (name,) in cursor.execute(f"{asked} AND NOT internal").fetchall()}
        views = {
            name for (name,) in cursor.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        }
    assert tables - views == {*BY_CONVERSATION, *BY_KEY}
    store.close()
