"""What a reader's SQL may reach and take: no file, no net, no code, and neither the sink's memory nor its time."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import psutil
import pytest

from handrail.streams.sink.database import LIVE, connect
from handrail.streams.sink.reading import NotLiveError, ask, ask_live, open_readonly
from handrail.streams.sink.snapshot import take
from handrail.streams.sink.store import Store
from tests import forks
from tests.book import Book
from tests.databases import open_store
from tests.integration.test_live import COUNT, Client, batch, until
from tests.integration.test_sink import publish, talk
from tests.memory import peak_of
from tests.sinks import sink
from tests.topics import Wire

REACHING = (
    "SELECT * FROM read_text('{secret}')",
    "SELECT content FROM read_blob('{secret}')",
    "FROM '{secret}'",
    "FROM read_csv('{secret}')",
    "FROM read_json('{secret}')",
    "FROM read_parquet('{secret}')",
    "FROM sniff_csv('{secret}')",
    "FROM glob('{folder}/*')",
    "FROM parquet_metadata('{secret}')",
    "FROM query('SELECT * FROM read_text(''{secret}'')')",
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "WITH x AS MATERIALIZED (FROM read_blob('{secret}')) FROM x",
    "FROM (VALUES (1)) t(a), LATERAL (FROM glob('{folder}/*'))",
    "FROM (PIVOT read_text('{secret}') ON filename)",
    "FROM events POSITIONAL JOIN read_text('{secret}')",
    "SUMMARIZE FROM '{secret}'",
    "DESCRIBE FROM '{secret}'",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "COPY events TO '{folder}/out.parquet' (FORMAT parquet)",
    "EXPORT DATABASE '{folder}/out'",
    "IMPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/other.db' AS x",
    "CREATE TEMP TABLE t AS FROM '{secret}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{secret}'",
    "FORCE INSTALL spatial FROM community",
    "FROM 'http://127.0.0.1:9/x.csv'",
    "FROM 's3://bucket/x.parquet'",
    "SELECT getenv('HOME')",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "SET allowed_paths = ['{secret}']",
    "SET autoload_known_extensions = true",
    "SET memory_limit = '100GB'",
    "SET temp_directory = '{folder}/temp'",
    "SET log_query_path = '{folder}/log'",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "PRAGMA profiling_output = '{folder}/out.json'",
    "SET enable_external_access = true; FROM '{secret}'",
    "SELECT 1; FROM '{secret}'",
    "CREATE SECRET s (TYPE http)",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A database with 10 events that this process has open and serves, and its snapshot; beside it a secret."""
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.csv").write_text("a,b\n1,hidden\n")
    found, book = open_store(tmp_path / "data" / LIVE), Book().at("2026-03-02 09:00:00")
    found.write("cluster-1", batch(book, 10, "first"), book.ends)
    take(found)
    found.share("127.0.0.1:0")
    yield found
    found.close()


class Readers(NamedTuple):
    store: Store
    client: Client
    data: Path


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    """One database with 10 events and a reader of it, for all that is refused or only reads."""
    data = tmp_path_factory.mktemp("readers")
    found, book = open_store(data / LIVE), Book().at("2026-03-02 09:00:00")
    found.write("cluster-1", batch(book, 10, "first"), book.ends)
    found.share("127.0.0.1:0")
    yield Readers(found, Client(data), data)
    found.close()


def asked(folder: Path, sql: str, *options: str) -> "subprocess.CompletedProcess[str]":
    data = str(folder / "data")
    given = sql.replace("{secret}", str(folder / "secret.csv")).replace("{folder}", str(folder))
    return forks.run("handrail", "query", given, "--data", data, "--format", "csv", *options)


def test_no_query_reaches_beyond_what_is_stored(store: Store, tmp_path: Path) -> None:
    """As it is read from the snapshot, where live refuses it."""
    before = sorted(tmp_path.rglob("*"))
    for one in REACHING:
        sql = one.replace("{secret}", str(tmp_path / "secret.csv")).replace("{folder}", str(tmp_path))
        with open_readonly(tmp_path / "data", snapshot_only=True).connection as connection:
            with pytest.raises(duckdb.Error):
                ask(connection, sql)
            assert ask(connection, "SELECT count(*) FROM events").rows == [(10,)]
        assert sorted(tmp_path.rglob("*")) == before, sql


@pytest.mark.parametrize("how", [(), ("--snapshot",)])
def test_nor_as_it_is_typed(store: Store, tmp_path: Path, how: tuple[str, ...]) -> None:
    found = asked(tmp_path, "SELECT * FROM read_text('{secret}')", *how)
    assert (found.returncode, found.stdout) == (2, "")
    assert len(found.stderr.splitlines()) == 2
    store.close()
    assert asked(tmp_path, "SELECT * FROM read_text('{secret}')").returncode == 2


def test_what_is_refused_says_how_it_is_asked_for(store: Store, tmp_path: Path) -> None:
    found = asked(tmp_path, "FROM '{secret}'")
    assert "--external lets it reach other files and the net" in found.stderr
    assert asked(tmp_path, "FROM '{secret}'", "--external").stdout == "a,b\n1,hidden\n"
    assert asked(tmp_path, "COPY (FROM events) TO '{folder}/out.csv'", "--external").returncode == 0
    assert (tmp_path / "out.csv").exists()


def test_every_reader_of_the_file_is_kept_inside(store: Store, tmp_path: Path) -> None:
    with open_readonly(tmp_path / "data", snapshot_only=True).connection as connection:
        with pytest.raises(duckdb.Error):
            connection.execute(f"FROM '{tmp_path}/secret.csv'")
        with pytest.raises(duckdb.Error, match="locked"):
            connection.execute("SET threads = 7")


TAKING = (
    "SELECT repeat('x', 2000000000)",
    "SELECT length(repeat('x', 2000000000))",
    "SELECT rpad('x', 2000000000, 'y')",
    "SELECT lpad('x', 2000000000, 'y')",
    "SELECT main.repeat('x', 2000000000)",
    "SELECT \"REPEAT\"('x', 2000000000)",
    "SELECT 'x'.repeat(2000000000)",
    "SELECT list(x) FROM (SELECT repeat('x', 1000000) x FROM range(100000))",
    "SELECT regexp_matches(repeat('a', 30000000), '(a*)*b')",
    "SELECT printf('%1000000000d', 1)",
    "SELECT format('{:1000000000}', 1)",
    "SELECT bitstring('1', 2000000000)",
    "SELECT bar(1, 0, 1, 1000000000)",
    "SELECT range(1000000000)",
    "SELECT generate_series(1, 1000000000)",
    "SELECT list_aggregate(range(100000000), 'string_agg')",
    "SELECT string_agg(record) FROM events",
    "SELECT array_agg(record) FROM events",
    "SELECT list(record) FROM events",
    "SELECT histogram(record) FROM events",
    "SELECT median(record) FROM events",
    "SELECT s || s FROM (SELECT t || t AS s FROM (SELECT text || text AS t FROM events))",
    "SELECT concat(text, text) FROM events",
    "SELECT replace(text, 'l', record) FROM events",
    "SELECT [text, text] FROM events",
    "SELECT {'a': text, 'b': text} FROM events",
    "SELECT unnest([1, 2])",
    "SELECT count(*) FROM range(100000000000) a, range(1000) b",
    "SELECT count(*) FROM range(1000000000000)",
    "SELECT count(*) FROM events a, events b, events c",
    "SELECT count(*) FROM events a JOIN events b ON TRUE",
    "SELECT count(*) FROM events a JOIN events b USING (log_topic)",
    "FROM events NATURAL JOIN events",
    "FROM events POSITIONAL JOIN events",
    "WITH RECURSIVE t(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM t) SELECT count(*) FROM t",
    "WITH a AS (FROM events UNION ALL FROM events), b AS (FROM a UNION ALL FROM a) SELECT count(*) FROM b",
    "SELECT (SELECT count(*) FROM events e WHERE e.id < events.id) FROM events",
    "SELECT 1 WHERE EXISTS (FROM events)",
    "FROM events WHERE id IN (SELECT id FROM events)",
    "SELECT sum(1) OVER (ORDER BY id) FROM events",
    "SELECT id FROM events QUALIFY row_number() OVER () = 1",
    "SELECT count(*) FROM events GROUP BY CUBE (id, type, text, log_topic)",
    "SELECT count(*) FROM events GROUP BY ROLLUP (id, type)",
    "PIVOT events ON id USING count(*)",
    "SELECT 1 -- " + "x" * 20_000,
)


@pytest.mark.parametrize("sql", TAKING)
def test_what_has_no_bound_is_not_run_in_the_sink(sql: str, readers: Readers) -> None:
    with pytest.raises(duckdb.Error, match="Authorization failed"):
        readers.client.ask(sql)
    with pytest.raises(NotLiveError, match="live looks through one table or view"):
        ask_live(readers.data, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT text FROM events WHERE conversation_id = 'first-1' AND text ILIKE '%hel%'",
        "SELECT type, count(*) FILTER (log_offset > 2), max(log_time) FROM events GROUP BY ALL HAVING count(*) > 1",
        "WITH x AS (FROM events), y AS (FROM x WHERE log_offset < 5) SELECT count(*) FROM y",
        "SELECT date_trunc('day', log_time) AS day, count(DISTINCT type) FROM events GROUP BY day",
        "SELECT CASE WHEN log_offset > 1 THEN upper(left(text, 3)) ELSE coalesce(text, '-') END FROM events",
        "SELECT record ->> '$.type', log_offset::VARCHAR, NOT log_offset BETWEEN 1 AND 2, text IS NULL FROM events",
        "SELECT * FROM events WHERE log_time > now() - INTERVAL 1 DAY",
        "FROM daily_quality",
        "FROM rules",
        "SELECT DISTINCT ON (type) * EXCLUDE (record) FROM events",
        "SUMMARIZE events",
    ],
)
def test_a_look_at_one_table_or_view_is_live(sql: str, readers: Readers) -> None:
    assert readers.client.ask(sql) == readers.store.cursor().execute(sql).fetchall()


def test_what_takes_too_much_is_one_line_in_the_readers_own_process(store: Store, tmp_path: Path) -> None:
    for sql in (
        "SELECT repeat('x', 2000000000)",
        "SELECT list(x) FROM (SELECT repeat('x', 1000000) x FROM range(100000))",
        "SELECT range(1000000000)",
        "FROM range(100000000)",
        "SELECT repeat('x', 10000) FROM range(1000000)",
        "SELECT string_agg(repeat('x', 1000)) FROM range(10000000)",
    ):
        found = asked(tmp_path, sql)
        assert (found.returncode, found.stdout) == (2, ""), sql
        line = found.stderr.splitlines()[-1]
        assert line.startswith("query: "), line
        assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(100000000000) a, range(1000) b",
        "WITH RECURSIVE t(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM t) SELECT count(*) FROM t",
    ],
)
def test_a_query_without_end_is_ended(sql: str, store: Store, tmp_path: Path) -> None:
    began = time.monotonic()
    found = asked(tmp_path, sql, "--timeout-s", "1")
    assert found.returncode == 2
    assert found.stderr.endswith("query: no answer within 1 s: narrow it, or give it more (--timeout-s)\n")
    assert time.monotonic() - began < 20


@pytest.mark.kafka
async def test_the_sink_stays_as_small_as_it_was(embedded: str, tmp_path: Path) -> None:
    """Whoever has the token asks for gigabytes, in every way that is known."""
    with sink(embedded, tmp_path) as one:
        async with Wire(embedded) as wire:
            await publish(wire, talk(20))
        await asyncio.to_thread(until, lambda: ask_live(one.data, COUNT).rows == [(100,)])
        client = Client(one.data)
        client.ask("SELECT * FROM events ORDER BY record")
        before = psutil.Process(one.process.pid).memory_info().rss
        with peak_of(one.process.pid) as peak:
            for sql in TAKING:
                with pytest.raises(duckdb.Error):
                    await asyncio.to_thread(client.ask, sql)
            assert await asyncio.to_thread(client.ask, COUNT) == [(100,)]
        assert one.stop() == 0, one.said()
    assert peak.samples > 3
    # Each asks for 800 MB and more; what DuckDB itself takes for a statement that it refuses differs by 70 MB.
    assert peak.bytes - before < 300_000_000


def test_the_database_is_closed_to_others_however_it_is_opened(tmp_path: Path) -> None:
    connect(tmp_path / "a.db", read_only=False).close()
    with connect(tmp_path / "a.db", read_only=True) as connection:
        settings = (
            "SELECT name, value FROM duckdb_settings() WHERE name IN ('enable_external_access', 'lock_configuration')"
        )
        assert connection.execute(f"{settings} ORDER BY 1").fetchall() == [
            ("enable_external_access", "false"),
            ("lock_configuration", "true"),
        ]
