"""Small files that outlive the machine's power: SQLite, each transaction on the disk before it returns."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AGAIN_S = 0.01


def opened(path: Path, tables: str, busy_s: float, journal: str = "WAL") -> sqlite3.Connection:
    """The file with these tables, for the threads of this process; another process is waited for `busy_s` seconds.

    With the journal `DELETE` all that was written lies in the one file, also after a kill; with `WAL` a part of it may
    lie in a second one beside it, and one sync of the disk is enough for a transaction, in place of three.
    Raises sqlite3.Error, OSError.
    """
    file = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    until_s = time.monotonic() + busy_s
    while True:
        try:
            file.execute(f"PRAGMA journal_mode={journal}")
            file.execute("PRAGMA synchronous=FULL")
            file.executescript(tables)
            return file
        except sqlite3.OperationalError as error:
            # Of a file that others open first at the same moment SQLite says so at once, without waiting.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until_s:
                raise
            time.sleep(AGAIN_S)


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
