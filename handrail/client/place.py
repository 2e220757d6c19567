"""A file that has to stay the one it was: neither gone, nor another one under its name, nor a copy of it."""

import os
from pathlib import Path
from typing import NamedTuple, Self

from handrail import private


class Place(NamedTuple):
    """Where a file lies on the disk. A copy, a restored backup and a new file of the same name lie elsewhere."""

    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Raises OSError where nothing is there, or where the file has a second name.

        SQLite's journal is found by the file's name: under two names (hard links) two processes do not see each other.
        """
        found = path.stat()
        if found.st_nlink > 1:
            raise OSError(f"it has {found.st_nlink} names (hard links): remove the others")
        return cls(found.st_dev, found.st_ino)


def made_private(path: Path) -> None:
    """The file is there and nobody else's: made with its folder where it is missing. Raises OSError."""
    private.made(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE))
    private.tightened(path)
