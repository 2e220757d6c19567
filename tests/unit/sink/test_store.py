"""The database: rows go in with their offsets or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from handrail.schemas.errors import ConfigError, SinkError
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.sink import database, snapshot
from handrail.streams.sink.reading import open_readonly
from handrail.streams.sink.stage import stage
from handrail.streams.sink.store import Store
from tests.book import Book


def lines(count: int = 3) -> list[tuple[str, bytes]]:
    book = Book().at("2026-03-02 09:00:00")
    for number in range(count):
        book.event(f"c-{number}", "query.received", text="hello")
    return [stage(record, headers) for record, headers in book.records]


def count(folder: Path, table: str = "events") -> int:
    with open_readonly(folder).connection as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert found is not None
    return int(found[0])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / database.LIVE)


def test_offsets_are_kept_by_cluster(store: Store) -> None:
    store.write("one", lines(), {(AGENT_EVENTS, 0): 3})
    store.write("two", lines(1), {(AGENT_EVENTS, 0): 1, (AGENT_EVENTS, 1): 7})
    store.write("one", [], {(AGENT_EVENTS, 0): 4})
    assert store.offsets("one") == {(AGENT_EVENTS, 0): 4}
    assert store.offsets("two") == {(AGENT_EVENTS, 0): 1, (AGENT_EVENTS, 1): 7}
    assert store.offsets("three") == {}
    store.close()


def test_a_refused_batch_leaves_neither_rows_nor_offsets_nor_files(store: Store, tmp_path: Path) -> None:
    store.write("one", lines(), {(AGENT_EVENTS, 0): 3})
    with pytest.raises(SinkError, match=r"handrail\.duckdb: .*it goes on where it was"):
        store.write("one", [*lines(), ("events", b"{torn")], {(AGENT_EVENTS, 0): 6})
    assert store.offsets("one") == {(AGENT_EVENTS, 0): 3}
    store.close()
    assert count(tmp_path) == 3
    assert [path.name for path in tmp_path.iterdir()] == [database.LIVE]


def test_after_a_refused_batch_the_same_records_can_be_stored(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SinkError):
        store.write("one", [("events", b"{torn")], {(AGENT_EVENTS, 0): 3})
    store.write("one", lines(), {(AGENT_EVENTS, 0): 3})
    store.close()
    assert count(tmp_path) == 3


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="may this user write there"):
        Store.open(tmp_path / "file" / database.LIVE)


def snapshot_of(store: Store) -> Path:
    taken = snapshot.take(store)
    assert taken is not None  # nobody reads
    return taken


def test_a_snapshot_has_everything_stored_before_it(store: Store, tmp_path: Path) -> None:
    store.write("one", lines(), {(AGENT_EVENTS, 0): 3})
    taken = snapshot_of(store)
    store.write("one", lines(1), {(AGENT_EVENTS, 0): 4})
    with database.connect(taken, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (3,)
        assert connection.execute("SELECT next_offset FROM offsets").fetchall() == [(3,)]
    store.close()
    assert count(tmp_path) == 4


def test_a_snapshot_leaves_the_database_locked_for_others(store: Store, tmp_path: Path) -> None:
    snapshot.take(store)
    assert opens(tmp_path / database.LIVE) == 1
    store.close()
    assert opens(tmp_path / database.LIVE) == 0


def opens(path: Path) -> int:
    """The exit status of another process that opens the database for writing."""
    script = "import sys, duckdb\ntry: duckdb.connect(sys.argv[1])\nexcept duckdb.IOException: sys.exit(1)"
    return subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode


def test_a_snapshot_replaces_the_one_before_while_that_is_read(store: Store) -> None:
    with database.connect(snapshot_of(store), read_only=True) as before:
        store.write("one", lines(), {(AGENT_EVENTS, 0): 3})
        taken = snapshot_of(store)
        assert before.execute("SELECT count(*) FROM events").fetchone() == (0,)
    with database.connect(taken, read_only=True) as after:
        assert after.execute("SELECT count(*) FROM events").fetchone() == (3,)
    store.close()


def test_a_snapshot_without_room_is_one_line(store: Store, tmp_path: Path) -> None:
    (tmp_path / "handrail.snapshot.tmp").mkdir()
    (tmp_path / "handrail.snapshot.tmp" / database.LIVE).mkdir()
    with pytest.raises(SinkError, match="is there room for a copy"):
        snapshot.take(store)
    store.close()


def test_snapshots_come_only_after_changes_and_no_more_often_than_asked(store: Store) -> None:
    schedule = snapshot.Schedule(3600)
    assert schedule.due()
    schedule.take(store)
    assert not schedule.due()
    schedule.changed = True
    assert not schedule.due()
    eager = snapshot.Schedule(0)
    eager.take(store)
    assert not eager.due()
    store.close()


def test_readers_get_the_live_database_when_nobody_writes(store: Store, tmp_path: Path) -> None:
    snapshot.take(store)
    store.close()
    reading = open_readonly(tmp_path)
    assert (reading.path.name, reading.age_s) == (database.LIVE, None)
    reading.connection.close()


def test_a_folder_without_a_database_says_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="start `handrail sink --data"):
        open_readonly(tmp_path)
