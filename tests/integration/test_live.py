"""The database is asked while a real sink writes it: what readers see, what they may not, what they cannot break."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson
import pytest

from handrail.streams.sink.database import LIVE, LIVE_FILE, connect, load
from handrail.streams.sink.live import Live
from handrail.streams.sink.reading import NotLiveError, ask_live
from handrail.streams.sink.snapshot import Schedule, take
from handrail.streams.sink.stage import stage
from handrail.streams.sink.store import Store
from tests import forks
from tests.book import Book
from tests.databases import open_store
from tests.integration.test_sink import on_the_log, publish, rows, talk
from tests.sinks import Sink, sink
from tests.topics import Wire

COUNT = "SELECT count(*) AS n FROM events"
ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000) c WHERE a.range + b.range < c.range"


def query(data: Path, sql: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return forks.run("handrail", "query", sql, "--data", str(data), "--format", "json", *options)


class Client:
    """Someone's own DuckDB, with the token."""

    def __init__(self, data: Path) -> None:
        told = json.loads((data / LIVE_FILE).read_bytes())
        self.uri, self.token = told["uri"], told["token"]
        self.connection = connect(Path(":memory:"), read_only=False)
        load(self.connection)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        asked = "FROM quack_query(?, ?, token := ?)"
        return self.connection.execute(asked, [self.uri, sql, self.token]).fetchall()

    def attach(self) -> duckdb.DuckDBPyConnection:
        self.connection.execute(f"ATTACH '{self.uri}' AS live (TOKEN '{self.token}')")
        return self.connection


def batch(book: Book, count: int, name: str) -> list[tuple[str, bytes]]:
    """So many more events, staged."""
    book.records.clear()
    for number in range(count):
        book.event(f"{name}-{number}", "query.received", text="hello")
    return [stage(record, headers) for record, headers in book.records]


@pytest.fixture
def book() -> Book:
    return Book().at("2026-03-02 09:00:00")


@pytest.fixture
def store(tmp_path: Path, book: Book) -> Iterator[Store]:
    """A database with 10 events that this process has open and serves."""
    found = open_store(tmp_path / LIVE)
    found.write("cluster-1", batch(book, 10, "first"), book.ends)
    found.share("127.0.0.1:0")
    yield found
    found.close()


@pytest.fixture
def live(store: Store) -> Live:
    assert store.live is not None
    return store.live


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Served"]:
    """One database with 10 events and a reader of it, for all that is refused or only reads."""
    folder = tmp_path_factory.mktemp("served")
    found, told = open_store(folder / LIVE), Book().at("2026-03-02 09:00:00")
    found.write("cluster-1", batch(told, 10, "first"), told.ends)
    found.share("127.0.0.1:0")
    (folder / "secret.csv").write_text("a,b\n1,2\n")
    yield Served(found, Client(folder), folder)
    found.close()


class Served(NamedTuple):
    store: Store
    client: Client
    folder: Path

    def untouched(self) -> bool:
        asked = ("SELECT count(*) FROM events", "SELECT max(next_offset) FROM offsets")
        return all(self.store.cursor().execute(one).fetchall() == self.client.ask(one) == [(10,)] for one in asked)


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Returns when it is true."""
    ticking = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        ticking.wait(0.02)
    raise AssertionError(f"not true after {seconds} s")


@pytest.mark.kafka
async def test_a_running_sink_answers_live_and_its_snapshot_when_asked_for(embedded: str, tmp_path: Path) -> None:
    with sink(embedded, tmp_path, "--snapshot-s", "3600") as one:
        async with Wire(embedded) as wire:
            await publish(wire, talk(10))
        await asyncio.to_thread(until, lambda: ask_live(one.data, COUNT).rows == [(50,)])
        found = await asyncio.to_thread(query, one.data, COUNT)
        assert (json.loads(found.stdout), found.stderr) == ([{"n": 50}], "live\n")
        old = await asyncio.to_thread(query, one.data, COUNT, "--snapshot")
        assert json.loads(old.stdout)[0]["n"] < 50
        assert old.stderr.startswith("snapshot of ")
        assert old.stderr.endswith(" s ago\n")
        assert one.stop() == 0, one.said()
    assert not (one.data / LIVE_FILE).exists()
    after = await asyncio.to_thread(query, one.data, COUNT)
    assert (json.loads(after.stdout), after.stderr) == ([{"n": 50}], "")


@pytest.mark.kafka
async def test_a_killed_sink_leaves_a_file_that_leads_nowhere_and_readers_are_told(
    embedded: str, tmp_path: Path
) -> None:
    with sink(embedded, tmp_path) as one:
        async with Wire(embedded) as wire:
            await publish(wire, talk(2))
        await asyncio.to_thread(until, lambda: ask_live(one.data, COUNT).rows == [(10,)])
        one.kill()
        left = (one.data / LIVE_FILE).read_bytes()
        found = await asyncio.to_thread(query, one.data, COUNT)
        assert json.loads(found.stdout) == [{"n": 10}]
        nobody = f"no sink answers where {one.data / LIVE_FILE} says"
        assert found.stderr == f"the database itself, which no sink has open: {nobody}\n"
        with connect(one.data / LIVE, read_only=False):  # as a sink would that serves nothing
            found = await asyncio.to_thread(query, one.data, COUNT)
        assert json.loads(found.stdout)[0]["n"] <= 10
        assert found.stderr.startswith("snapshot of ")
        assert found.stderr.endswith(f" s ago: {nobody}\n")
    with sink(embedded, tmp_path) as again:
        assert (again.data / LIVE_FILE).read_bytes() != left
        assert (await asyncio.to_thread(query, again.data, COUNT)).stderr == "live\n"


@pytest.mark.kafka
async def test_without_live_nothing_is_served(embedded: str, tmp_path: Path) -> None:
    with sink(embedded, tmp_path, "--no-live") as one:
        one.wait_until(lambda: (one.data / "handrail.snapshot.duckdb").exists())
        assert not (one.data / LIVE_FILE).exists()
        found = await asyncio.to_thread(query, one.data, COUNT)
        assert found.stderr.startswith("snapshot of ")
        assert found.stderr.endswith(" s ago: no sink serves it live\n")


@pytest.mark.kafka
async def test_an_address_that_is_taken_is_one_line_and_exit_2(embedded: str, tmp_path: Path) -> None:
    with sink(embedded, tmp_path) as one:
        port = json.loads((one.data / LIVE_FILE).read_bytes())["uri"].rpartition(":")[2]
        (tmp_path / "second").mkdir()
        second = Sink(embedded, tmp_path / "second", "--live-address", f"192.0.2.1:{port}")
        assert await asyncio.to_thread(second.process.wait, 60) == 2
        assert second.said().startswith(f"--live-address 192.0.2.1:{port}: ")
        assert second.said().count("\n") == 1
        second.kill()


@pytest.mark.kafka
async def test_rows_are_the_log_while_readers_ask_without_end(embedded: str, tmp_path: Path) -> None:
    counts: list[int] = []
    done = threading.Event()

    def read(data: Path) -> None:
        client = Client(data)
        while not done.is_set():
            ((count, distinct),) = client.ask(
                "SELECT count(*), count(DISTINCT hash(log_topic, log_partition, log_offset)) FROM events"
            )
            assert count == distinct
            counts.append(count)

    with sink(embedded, tmp_path) as one:
        async with Wire(embedded) as wire:
            readers = [asyncio.create_task(asyncio.to_thread(read, one.data)) for _ in range(2)]
            for number in range(6):
                await publish(wire, talk(20, first=20 * number))
        await asyncio.to_thread(until, lambda: bool(counts) and counts[-1] == 600)
        done.set()
        await asyncio.gather(*readers)
        expected = await on_the_log(embedded)
        one.wait_until(lambda: len(rows(one.data)) >= len(expected))  # from the snapshot
        assert one.stop() == 0, one.said()
    assert one.said() == ""
    assert rows(one.data) == expected
    assert len(set(counts)) > 2


def test_who_has_the_token_only_reads_it_and_only_its_owner_can(live: Live) -> None:
    assert live.file.stat().st_mode & 0o777 == 0o600
    told = json.loads(live.file.read_bytes())
    assert told["uri"].startswith("quack:127.0.0.1:")
    assert len(told["token"]) >= 32


@pytest.mark.parametrize("token", ["wrong", "quack"])
def test_another_token_is_refused(token: str, live: Live, tmp_path: Path) -> None:
    client = Client(tmp_path)
    client.token = token
    with pytest.raises(duckdb.Error, match="Authentication failed"):
        client.ask("SELECT 1")


CHANGES = (
    "INSERT INTO offsets VALUES ('c', 't', 0, 1)",
    "UPDATE offsets SET next_offset = 0",
    "DELETE FROM events",
    "TRUNCATE events",
    "DROP TABLE events",
    "DROP VIEW conversations",
    "ALTER TABLE events ADD COLUMN x INTEGER",
    "CREATE TABLE t (i INTEGER)",
    "CREATE OR REPLACE MACRO readers.main.may(session, query) AS TRUE",
    "MERGE INTO offsets USING offsets AS o ON TRUE WHEN MATCHED THEN DELETE",
    "WITH x AS (SELECT 1) DELETE FROM events",
    "SELECT 1; DELETE FROM events",
    "/* SELECT */ DELETE FROM events",
    "EXPLAIN ANALYZE DELETE FROM events",
    "COPY events TO 'out.csv'",
    "COPY events FROM 'in.csv'",
    "EXPORT DATABASE 'out'",
    "ATTACH 'other.duckdb'",
    "DETACH readers",
    "USE readers",
    "LOAD 'x'",
    "INSTALL x",
    "SET GLOBAL quack_authorization_function = 'quack_nop_authorization'",
    "RESET GLOBAL quack_authorization_function",
    "PRAGMA enable_profiling",
    "CALL quack_stop('quack:localhost')",
    "CHECKPOINT",
    "BEGIN",
    "PREPARE p AS DELETE FROM events",
    "VACUUM",
)
FUNCTIONS = (
    "FROM read_text('{folder}/secret.csv')",
    "FROM Read_CSV('{folder}/secret.csv')",
    "SELECT (SELECT content FROM main.read_blob('{folder}/secret.csv'))",
    "WITH x AS (FROM read_json('{folder}/secret.csv')) FROM x",
    "SELECT * FROM events WHERE id IN (SELECT file FROM glob('/*'))",
    "SUMMARIZE FROM read_parquet('{folder}/secret.csv')",
    "FROM query('SELECT 1')",
    "FROM query_table(['events'])",
    "FROM quack_stop('quack:localhost')",
    "FROM quack_serve('quack:127.0.0.1:1')",
    "FROM quack_query('quack:127.0.0.1:1', 'SELECT 1')",
    "FROM quack_active_connections()",
    "FROM checkpoint()",
    "FROM force_checkpoint()",
    "FROM enable_logging()",
    "FROM json_execute_serialized_sql('{{}}')",
)
FILES = (
    "FROM '{folder}/secret.csv'",
    "FROM 'secret.csv'",
    "FROM '{folder}/handrail.duckdb'",
    "FROM '{folder}/handrail.live.json'",
    "FROM '{folder}/handrail.batch.jsonl'",
    "SELECT * FROM events JOIN '{folder}/secret.csv' ON TRUE",
    "SELECT * FROM events WHERE id IN (SELECT a FROM 'http://127.0.0.1:1/x.csv')",
)


@pytest.mark.parametrize("sql", [*CHANGES, *FUNCTIONS, *FILES])
def test_nothing_is_changed_read_from_files_or_steered_through_it(sql: str, served: Served) -> None:
    with pytest.raises(duckdb.Error, match="Authorization failed"):
        served.client.ask(sql.format(folder=served.folder))
    assert served.untouched()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO live.main.offsets VALUES ('c', 't', 0, 1)",
        "DELETE FROM live.main.events",
        "UPDATE live.main.offsets SET next_offset = 0",
        "DROP TABLE live.main.events",
        "CREATE TABLE live.main.t AS SELECT 1 AS a",
        "CREATE VIEW live.main.v AS SELECT 1 AS a",
    ],
)
def test_nor_through_a_database_that_is_attached(sql: str, served: Served) -> None:
    attached = Client(served.folder).attach()
    assert attached.execute("SELECT count(*) FROM live.main.events").fetchone() == (10,)
    with pytest.raises(duckdb.Error, match=r"Authorization failed|base table|not supported|ot implemented"):
        attached.execute(sql)
    assert served.untouched()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT conversation_id FROM conversations ORDER BY 1 LIMIT 3",
        "FROM events SELECT count(*)",
        "WITH x AS (SELECT * FROM events) SELECT count(*) FROM x",
        "DESCRIBE events",
        "SHOW TABLES",
        "SUMMARIZE offsets",
        "SELECT record ->> '$.type' FROM events LIMIT 1",
        "SELECT max(text) FROM handrail.main.events",
        "SELECT current_setting('TimeZone')",
        "VALUES (1)",
    ],
)
def test_what_only_reads_is_answered_as_the_file_would(sql: str, served: Served) -> None:
    assert served.client.ask(sql) == served.store.cursor().execute(sql).fetchall()


def test_what_live_does_not_take_is_asked_of_the_snapshot(store: Store, tmp_path: Path) -> None:
    take(store)
    found = query(tmp_path, "PIVOT events ON type USING count(*)")
    assert json.loads(found.stdout)
    assert found.stderr.startswith("snapshot of ")
    assert found.stderr.endswith(": live looks through one table or view, with functions that need little memory\n")


@pytest.mark.parametrize(("sql", "says"), [("SELECT nope FROM events", "nope"), ("FROM nope", "does not exist")])
def test_a_mistake_in_the_query_is_one_line(sql: str, says: str, live: Live, tmp_path: Path) -> None:
    found = query(tmp_path, sql)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("query: ")
    assert says in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("told", [b"{", b"[]", b"{}", b'{"uri": "quack:127.0.0.1:1", "token": "none"}'])
def test_a_file_that_leads_nowhere_is_a_reason_not_a_mistake(told: bytes, tmp_path: Path) -> None:
    (tmp_path / LIVE_FILE).write_bytes(told)
    with pytest.raises(NotLiveError, match=LIVE_FILE):
        ask_live(tmp_path, "SELECT 1")


MANY = 20_000  # events: more than what one answer of the server holds


def left_open(data: Path) -> Client:
    """A reader who has fetched the first rows of many, and holds on to them."""
    client = Client(data)
    client.connection.execute("FROM quack_query(?, 'FROM events', token := ?)", [client.uri, client.token]).fetchone()
    return client


def test_a_snapshot_waits_for_a_reader_and_is_whole_afterwards(store: Store, book: Book, tmp_path: Path) -> None:
    store.write("cluster-1", batch(book, MANY, "many"), book.ends)
    client = left_open(tmp_path)
    store.write("cluster-1", batch(book, 5, "second"), book.ends)
    schedule = Schedule(0.0)
    assert not schedule.take(store)
    assert schedule.changed
    client.connection.close()
    until(lambda: schedule.take(store))
    with connect(tmp_path / "handrail.snapshot.duckdb", read_only=True) as snapshot:
        assert snapshot.execute(COUNT).fetchone() == (MANY + 15,)


def test_who_keeps_snapshots_from_being_taken_is_let_go(
    store: Store, live: Live, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handrail.streams.sink.snapshot.BLOCKED_S_MAX", 0.0)
    store.write("cluster-1", batch(book, MANY, "many"), book.ends)
    client = left_open(tmp_path)
    store.write("cluster-1", batch(book, 5, "second"), book.ends)
    schedule = Schedule(0.0, live)
    assert not schedule.take(store)
    assert not live.serving
    with pytest.raises(NotLiveError):
        ask_live(tmp_path, COUNT)
    until(lambda: schedule.take(store))
    assert live.serving
    assert ask_live(tmp_path, COUNT).rows == [(MANY + 15,)]
    client.connection.close()


def test_the_writer_gets_memory_that_a_reader_has_taken(
    store: Store, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = store._write, []

    def without_memory(*args: Any) -> None:
        if len(failed) < 2:
            assert (len(failed) == 0) == (tmp_path / LIVE_FILE).exists()  # nobody new comes in meanwhile
            failed.append(args)
            raise duckdb.OutOfMemoryException("failed to allocate data")
        real(*args)

    monkeypatch.setattr(store, "_write", without_memory)
    store.write("cluster-1", batch(book, 5, "second"), book.ends)
    assert ask_live(tmp_path, COUNT).rows == [(15,)]


@pytest.mark.kafka
async def test_a_query_without_end_neither_stops_the_sink_nor_its_end(embedded: str, tmp_path: Path) -> None:
    with sink(embedded, tmp_path) as one:
        asking = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "handrail", "query", ENDLESS, "--data", str(one.data)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            client = Client(one.data)
            async with Wire(embedded) as wire:
                await publish(wire, talk(4))
                await asyncio.to_thread(until, lambda: client.ask(COUNT) == [(20,)])
                await publish(wire, talk(4, first=4))
                await asyncio.to_thread(until, lambda: client.ask(COUNT) == [(40,)])
            assert one.stop() == 0, one.said()
        finally:
            asking.kill()
            await asking.wait()
    assert len([row for row in rows(one.data) if row[0] == "agent.events.v1"]) == 40


def test_the_file_of_a_dead_sink_is_gone_when_the_next_one_shares(store: Store, tmp_path: Path) -> None:
    before = orjson.loads((tmp_path / LIVE_FILE).read_bytes())
    store.unshare()
    assert not (tmp_path / LIVE_FILE).exists()
    (tmp_path / LIVE_FILE).write_bytes(b"stale")
    store.share("127.0.0.1:0")
    assert orjson.loads((tmp_path / LIVE_FILE).read_bytes())["token"] != before["token"]
