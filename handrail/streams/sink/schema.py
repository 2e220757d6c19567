"""The schema of the analytics database: tables by numbered migrations, each once; views anew at each start."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb

from handrail.schemas.errors import SinkError

MIGRATIONS = Path(__file__).parent / "migrations"
VIEWS = Path(__file__).parent / "views"
VIEWS_ONLY = frozenset({2, 3, 4, 7, 10})
"""Numbers of migrations that made views only, before views/ was there. Older databases have them."""

_COMMENT = re.compile(r"--[^\n]*")
_SOURCE = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")


def build(connection: duckdb.DuckDBPyConnection, migrations_folder: Path = MIGRATIONS) -> list[str]:
    """The tables and views are those of this version, or the database is unchanged; returns the migrations applied.

    Raises SinkError where the database was made by a newer Handrail.
    """
    connection.execute("BEGIN")
    try:
        applied = migrate(connection, migrations_folder)
        create_views(connection)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return applied


def migrations(folder: Path = MIGRATIONS) -> dict[int, Path]:
    """Number -> file, in the order in which they are applied."""
    return {int(path.name[:4]): path for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))}


def migrate(connection: duckdb.DuckDBPyConnection, folder: Path = MIGRATIONS) -> list[str]:
    """Applies what is missing, as part of a transaction; returns the names. Raises SinkError as `build` does."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name VARCHAR, applied_at TIMESTAMPTZ)"
    )
    done = {number for (number,) in connection.execute("SELECT number FROM migrations").fetchall()}
    known = migrations(folder)
    if newer := done - known.keys() - VIEWS_ONLY:
        raise SinkError(f"database: has migration {max(newer)}, which this version lacks: run the newer Handrail")
    missing = {number: path for number, path in known.items() if number not in done}
    for number, path in missing.items():
        connection.execute(path.read_text(encoding="utf-8"))
        connection.execute("INSERT INTO migrations VALUES (?, ?, now())", [number, path.stem])
    return [path.stem for path in missing.values()]


def views(folder: Path = VIEWS) -> dict[str, str]:
    """Name -> statement, each view after those that it reads. Raises graphlib.CycleError."""
    statements = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    reads = {name: _sources(sql) & (statements.keys() - {name}) for name, sql in statements.items()}
    return {name: statements[name] for name in TopologicalSorter(reads).static_order()}


def create_views(connection: duckdb.DuckDBPyConnection, folder: Path = VIEWS) -> None:
    """Every view of the folder is as its file says; other views are left as they are. Part of a transaction."""
    for sql in views(folder).values():
        connection.execute(sql)


def _sources(sql: str) -> set[str]:
    """The names after FROM and JOIN: tables, views and parts of the query itself."""
    return set(_SOURCE.findall(_COMMENT.sub("", sql)))
