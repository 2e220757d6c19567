"""The data folder as `up` uses it: one `up` at a time, and what the last one was connected to."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from io import FileIO
from pathlib import Path

import orjson

from handrail import private
from handrail.schemas.errors import ConfigError

FILE = "up.json"


@dataclass(frozen=True, slots=True)
class Run:
    """What one `up` is or was: its process, its broker, and where its processes answer over HTTP."""

    pid: int
    bootstrap: str = ""
    embedded: bool = False
    cluster_id: str = ""
    http: Mapping[str, str] = field(default_factory=dict)


class Claim:
    """The locked folder: no other `up` gets it before this process has ended, however it ends."""

    def __init__(self, folder: Path, file: FileIO) -> None:
        self.folder, self._file = folder, file
        self.last = _read(file)

    def note(self, run: Run) -> None:
        """Write down what this run is connected to, for `doctor` and for the next one."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(orjson.dumps(asdict(run), option=orjson.OPT_APPEND_NEWLINE))


@contextmanager
def claimed(folder: Path) -> Iterator[Claim]:
    """The folder, made where it is missing, is this process's for the length of the block. Raises ConfigError."""
    try:
        private.made(folder)
        file = (folder / FILE).open("a+b", buffering=0)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}: give --data a folder that can be written") from error
    with file:
        if not _locked(file, fcntl.LOCK_EX):
            other = _read(file)
            who = f" (process {other.pid}, broker {other.bootstrap})" if other is not None else ""
            raise ConfigError(
                f"{folder}: another `handrail up`{who} runs on this folder: end it, or give another one with --data"
            )
        claim = Claim(folder, file)
        # Until this run knows its broker, the last one stays noted: a start that fails must not lose it.
        claim.note(replace(claim.last or Run(0), pid=os.getpid()))
        yield claim


def running(folder: Path) -> Run | None:
    """The `up` that runs on the folder now, or None. Raises OSError where its file cannot be read."""
    if not (folder / FILE).exists():
        return None
    with (folder / FILE).open("rb", buffering=0) as file:
        return None if _locked(file, fcntl.LOCK_SH) else _read(file)


def _locked(file: FileIO, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: FileIO) -> Run | None:
    file.seek(0)
    try:
        fields = orjson.loads(file.read())
        return Run(**fields)
    except (orjson.JSONDecodeError, TypeError):
        return None
