"""The schema: tables come in numbered steps, each once; views are those of this version at each start."""

import re
import shutil
from collections.abc import Iterator
from graphlib import CycleError
from pathlib import Path

import duckdb
import pytest

from handrail.schemas.errors import SinkError
from handrail.streams.sink import database, schema
from handrail.streams.sink.store import Store

COLUMN = re.compile(r"-- (\w+): \S")


@pytest.fixture
def fresh() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        schema.build(connection)
        yield connection


def columns(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    return [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()]


def views_of(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(connection.execute("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal").fetchall())


# --- tables


def test_a_database_is_migrated_once(tmp_path: Path) -> None:
    for _ in range(2):
        Store.open(tmp_path / database.LIVE).close()
    with database.connect(tmp_path / database.LIVE, read_only=False) as connection:
        assert schema.build(connection) == []
        assert connection.execute("SELECT number, name FROM migrations ORDER BY 1").fetchall() == [
            (number, path.stem) for number, path in schema.migrations().items()
        ]


def test_no_number_of_a_migration_is_used_again() -> None:
    numbers = schema.migrations().keys()
    assert not numbers & schema.VIEWS_ONLY
    assert numbers | schema.VIEWS_ONLY == set(range(1, max(numbers) + 1))


def test_migrations_make_no_views() -> None:
    for path in schema.migrations().values():
        assert not re.search(r"CREATE (OR REPLACE )?VIEW", path.read_text(encoding="utf-8")), path.name


def test_an_older_database_gets_what_it_lacks_and_keeps_its_rows(tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    shutil.copy(schema.migrations()[1], older)
    with database.connect(tmp_path / database.LIVE, read_only=False) as connection:
        assert schema.migrate(connection, older) == ["0001_tables"]
        connection.execute("INSERT INTO offsets VALUES ('c', 't', 0, 5)")
        assert schema.build(connection) == [path.stem for path in list(schema.migrations().values())[1:]]
        assert connection.execute("FROM offsets").fetchall() == [("c", "t", 0, 5)]
        assert connection.execute("FROM daily_quality").fetchall() == []


def test_a_database_whose_views_came_by_migrations_gets_those_of_today(
    tmp_path: Path, fresh: duckdb.DuckDBPyConnection
) -> None:
    older = tmp_path / "older"
    older.mkdir()
    for number in range(1, 11):
        if path := schema.migrations().get(number):
            shutil.copy(path, older)
    with database.connect(tmp_path / database.LIVE, read_only=False) as connection:
        schema.migrate(connection, older)
        for number in schema.VIEWS_ONLY:
            connection.execute("INSERT INTO migrations VALUES (?, 'views', now())", [number])
        for name in schema.views():
            connection.execute(f"CREATE VIEW {name} AS SELECT 1 AS old")
        assert schema.build(connection) == ["0011_views_elsewhere"]
        assert views_of(connection) == views_of(fresh)


def test_a_broken_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("CREATE TABLE a (i INTEGER);")
    (tmp_path / "0002_b.sql").write_text("CREATE TABLE b (i INTEGER); CREATE TABLE a (i INTEGER);")
    with duckdb.connect() as connection:
        with pytest.raises(duckdb.CatalogException):
            schema.build(connection, tmp_path)
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == []


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Store.open(tmp_path / database.LIVE).close()
    with database.connect(tmp_path / database.LIVE, read_only=False) as connection:
        connection.execute("INSERT INTO migrations VALUES (9999, '9999_future', now())")
    with pytest.raises(SinkError, match="has migration 9999, which this version lacks"):
        Store.open(tmp_path / database.LIVE)


# --- views


def test_a_file_makes_the_view_of_its_name() -> None:
    for name, sql in schema.views().items():
        assert re.findall(r"^CREATE OR REPLACE VIEW (\w+) AS$", sql, re.MULTILINE) == [name]


def test_a_header_says_what_a_view_shows_and_what_each_column_holds(fresh: duckdb.DuckDBPyConnection) -> None:
    """All columns in their order; of a view that passes a table's columns on, those that it adds."""
    for name, sql in schema.views().items():
        header, _, about = sql.partition("CREATE OR REPLACE")[0].partition("\n-- Columns:")
        assert header.startswith("-- "), name
        described = COLUMN.findall(about)
        if of_table := re.match(r" those of the table (\w+)", about):
            assert set(columns(fresh, of_table[1])) - {"since"} <= set(columns(fresh, name)), name
            assert set(described) <= set(columns(fresh, name)), name
        else:
            assert described == columns(fresh, name), name


def test_each_start_makes_the_views_anew_and_leaves_others_alone(fresh: duckdb.DuckDBPyConnection) -> None:
    made = views_of(fresh)
    fresh.execute("CREATE OR REPLACE VIEW conversations AS SELECT 1 AS mine")
    fresh.execute("CREATE VIEW mine AS SELECT count(*) AS n FROM handoffs_newest")
    assert schema.build(fresh) == []
    now = views_of(fresh)
    assert now.pop("mine").startswith("CREATE VIEW mine")
    assert now == made


def test_a_view_is_made_after_those_it_reads(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("-- FROM nowhere\nCREATE OR REPLACE VIEW a AS\nSELECT * FROM b JOIN c USING (i);")
    (tmp_path / "b.sql").write_text("CREATE OR REPLACE VIEW b AS\nWITH d AS (FROM c) SELECT * FROM d;")
    (tmp_path / "c.sql").write_text("CREATE OR REPLACE VIEW c AS\nSELECT 1 AS i;")
    assert list(schema.views(tmp_path)) == ["c", "b", "a"]
    with duckdb.connect() as connection:
        schema.create_views(connection, tmp_path)
        assert connection.execute("FROM a").fetchall() == [(1,)]
    (tmp_path / "c.sql").write_text("CREATE OR REPLACE VIEW c AS\nSELECT * FROM a;")
    with pytest.raises(CycleError):
        schema.views(tmp_path)
