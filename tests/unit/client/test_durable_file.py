"""A file that others open first at the same moment is waited for."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from handrail.client.durable_file import open_durable, transaction

AT_ONCE, FILES = 16, 60


def hold_lock(path: Path, seconds: float) -> threading.Thread:
    """Somebody who has the new file to themselves for so long, before it is a file that several may write."""
    file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    file.execute("CREATE TABLE theirs (a)")
    file.execute("BEGIN EXCLUSIVE")

    def let_go() -> None:
        time.sleep(seconds)
        file.execute("COMMIT")
        file.close()

    thread = threading.Thread(target=let_go)
    thread.start()
    return thread


def test_many_open_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    """SQLite tells some of them at once that it is locked: without waiting, one in 200 to 500 was refused."""
    together = threading.Barrier(AT_ONCE)

    def open_and_write(path: Path) -> None:
        together.wait()
        file = open_durable(path, "CREATE TABLE IF NOT EXISTS told (by)", 10)
        with transaction(file):
            file.execute("INSERT INTO told VALUES (1)")
        file.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(FILES):
            list(pool.map(open_and_write, [tmp_path / f"{number}.db"] * AT_ONCE))
    file = open_durable(tmp_path / f"{FILES - 1}.db", "", 1)
    assert file.execute("SELECT count(*) FROM told").fetchone() == (AT_ONCE,)


def test_a_file_that_somebody_holds_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    thread = hold_lock(tmp_path / "claims.db", 1.0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        open_durable(tmp_path / "claims.db", "CREATE TABLE IF NOT EXISTS ours (a)", 0.2)
    thread.join()
