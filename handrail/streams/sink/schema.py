"""The schema of the analytics database, brought forward one numbered file at a time."""

from pathlib import Path

import duckdb

from handrail.schemas.errors import SinkError

FOLDER = Path(__file__).parent / "migrations"


def migrations(folder: Path = FOLDER) -> dict[int, Path]:
    """Number -> file, in the order in which they are applied."""
    return {int(path.name[:4]): path for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))}


def migrate(connection: duckdb.DuckDBPyConnection, folder: Path = FOLDER) -> list[str]:
    """Every migration is applied, all of them or none; gives the names of those that were applied now.

    Raises SinkError where the database was made by a newer Handrail.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name VARCHAR, applied_at TIMESTAMPTZ)"
    )
    done = {number for (number,) in connection.execute("SELECT number FROM migrations").fetchall()}
    known = migrations(folder)
    if newer := done - known.keys():
        raise SinkError(f"database: has migration {max(newer)}, which this version lacks: run the newer Handrail")
    missing = {number: path for number, path in known.items() if number not in done}
    connection.execute("BEGIN")
    try:
        for number, path in missing.items():
            connection.execute(path.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO migrations VALUES (?, ?, now())", [number, path.stem])
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return [path.stem for path in missing.values()]
