"""A disk for the sink that can be full: a tmpfs where it can be mounted, else a limit on the size of its files."""

import os
import resource
import subprocess
from pathlib import Path
from typing import Self

import psutil

BYTES_MAX = 1 << 30
PAGE = 4096
TRIES_MAX = 50


class Disk:
    """A folder that belongs to the sink alone. `full` leaves it no room, `free` gives it back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = False

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        self.mounted = _mount(self.folder, "-t", "tmpfs", "-o", f"size={BYTES_MAX}", "tmpfs")
        return self

    def __exit__(self, *_: object) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @property
    def how(self) -> str:
        """What a report says of it."""
        return "tmpfs without room (ENOSPC)" if self.mounted else "RLIMIT_FSIZE (EFBIG)"

    def full(self, pid: int) -> None:
        """The sink with that process can write nothing more."""
        if self.mounted:
            # What is used may grow between the question and the answer; a disk smaller than that is refused.
            assert any(_mount(self.folder, "-o", f"remount,size={self._used()}") for _ in range(TRIES_MAX))
        else:
            psutil.Process(pid).rlimit(resource.RLIMIT_FSIZE, (PAGE, resource.RLIM_INFINITY))

    def free(self) -> None:
        """There is room again; a limit of size went with its process."""
        if self.mounted:
            assert _mount(self.folder, "-o", f"remount,size={BYTES_MAX}")

    def _used(self) -> int:
        found = os.statvfs(self.folder)
        return max(PAGE, (found.f_blocks - found.f_bfree) * found.f_frsize)


def _mount(folder: Path, *words: str) -> bool:
    if os.geteuid():
        return False
    return subprocess.run(["mount", *words, str(folder)], capture_output=True).returncode == 0
