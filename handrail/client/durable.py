"""Small files that outlive the machine's power: SQLite, each transaction on the disk before it returns."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def opened(path: Path, tables: str, busy_s: float) -> sqlite3.Connection:
    """The file with these tables, for the threads of this process; another process is waited for `busy_s` seconds.

    Raises sqlite3.Error, OSError.
    """
    file = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    file.execute("PRAGMA journal_mode=WAL")
    file.execute("PRAGMA synchronous=FULL")
    file.executescript(tables)
    return file


@contextmanager
def transaction(file: sqlite3.Connection) -> Iterator[None]:
    """One transaction, alone among all processes. Raises sqlite3.Error."""
    file.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        file.execute("ROLLBACK")
        raise
    file.execute("COMMIT")
