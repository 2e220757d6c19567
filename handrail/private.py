"""Files that hold customers' words, decisions or keys: their owner's alone."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

FOLDER, FILE = 0o700, 0o600
OTHERS = 0o077
LOOKED_AT_MAX = 10_000  # files of a folder


def keep_private() -> None:
    """What this process and its children make from now on is their user's alone."""
    os.umask(OTHERS)


def made(folder: Path) -> Path:
    """The folder is there; one that is made now is its owner's alone. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
    return folder


def tightened(path: Path) -> None:
    """Nobody but its owner reads or writes the file from now on, where it is there and this user's. Raises OSError."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(status.st_mode) and status.st_mode & OTHERS and status.st_uid == os.geteuid():
        path.chmod(FILE)


def loose(folder: Path) -> Iterator[Path]:
    """The folder, and what lies in it, where others may read or write it; public keys are meant for others."""
    for path in (folder, *(file for file, _ in zip(folder.rglob("*"), range(LOOKED_AT_MAX), strict=False))):
        if path.suffix != ".pub" and not path.is_symlink() and path.stat().st_mode & OTHERS:
            yield path
