"""A file that has to stay the one it was: neither gone, nor another one under its name, nor a copy of it."""

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from handrail import private

_GETVERSION = 0x8008_7601


class Place(NamedTuple):
    """Where a file lies on the disk. A copy, a restored backup and a new file of the same name lie elsewhere."""

    device: int
    inode: int
    generation: int  # of the inode: a new file may get the number of one that was deleted. 0 where the disk has none

    @classmethod
    def of(cls, path: Path, *, whole: bool = True) -> Self:
        """Raises OSError where nothing is there, or where the file has a second name.

        Without `whole` the file is not opened: closing it would end this process's locks on it (POSIX).
        SQLite's journal is found by the file's name: under two names (hard links) two processes do not see each other.
        """
        found = path.stat()
        if found.st_nlink > 1:
            raise OSError(f"it has {found.st_nlink} names (hard links): remove the others")
        return cls(found.st_dev, found.st_ino, _generation(path) if whole else 0)

    def same(self, other: "Place") -> bool:
        """Whether they are one place, as far as can be told of a file that somebody has open."""
        return self[:2] == other[:2]


def _generation(path: Path) -> int:
    """As ext4, XFS and Btrfs have it (FS_IOC_GETVERSION of Linux)."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            return int(struct.unpack_from("I", fcntl.ioctl(file, _GETVERSION, bytes(8)))[0])
        return 0
    finally:
        os.close(file)


def made_private(path: Path) -> None:
    """The file is there and nobody else's: made with its folder where it is missing. Raises OSError."""
    private.made(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE))
    private.tightened(path)
