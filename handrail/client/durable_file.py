"""SQLite files that survive a loss of power, and files that have to stay the ones they were."""

import fcntl
import os
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from handrail import private

RETRY_S = 0.01
_GETVERSION = 0x8008_7601


def open_durable(path: Path, tables: str, busy_s: float, journal: str = "WAL") -> sqlite3.Connection:
    """The file with these tables, for all threads of this process; each transaction is on the disk before it returns.

    It waits `busy_s` seconds for another process. With the journal `DELETE` all that was written lies in the one file,
    also after a kill; with `WAL` a part of it may lie in a second file beside it, and a transaction needs one sync of
    the disk in place of three. Raises sqlite3.Error, OSError.
    """
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    until_s = time.monotonic() + busy_s
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={journal}")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(tables)
            return connection
        except sqlite3.OperationalError as error:
            # SQLite says so at once, without waiting, where others open the file first at the same moment.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until_s:
                raise
            time.sleep(RETRY_S)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction, alone among all processes. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class FileIdentity(NamedTuple):
    """Which file lies on the disk. A copy, a restored backup and a new file of the same name are other files."""

    device: int
    inode: int
    generation: int  # of the inode: a new file may get the number of a deleted one. 0 where the disk has none

    @classmethod
    def of(cls, path: Path, *, with_generation: bool = True) -> Self:
        """Raises OSError where nothing is there, or where the file has a second name.

        Without the generation the file is not opened: closing it would end this process's locks on it (POSIX).
        SQLite finds its journal by the file's name: under two names (hard links) two processes do not see each other.
        """
        status = path.stat()
        if status.st_nlink > 1:
            raise OSError(f"it has {status.st_nlink} names (hard links): remove the others")
        return cls(status.st_dev, status.st_ino, _generation(path) if with_generation else 0)

    def same_inode(self, other: "FileIdentity") -> bool:
        """Whether both are one file, as far as can be known of a file that somebody has open."""
        return self[:2] == other[:2]


def _generation(path: Path) -> int:
    """As ext4, XFS and Btrfs have it (FS_IOC_GETVERSION of Linux)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            return int(struct.unpack_from("I", fcntl.ioctl(descriptor, _GETVERSION, bytes(8)))[0])
        return 0
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """Make the file, with its folder, where it is missing; only its owner can read it. Raises OSError."""
    private.made(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE))
    private.tightened(path)
