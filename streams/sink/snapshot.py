"""Copies of the database for those who read while it is written: DuckDB lets one process open it, if that writes."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path

from handrail.schemas.errors import SinkError
from handrail.streams.sink.database import SNAPSHOT
from handrail.streams.sink.store import Store

SHARE_MAX = 0.1  # of the sink's time


def take(store: Store) -> Path:
    """The snapshot has all that is stored: whole, and in place at once. Raises SinkError.

    The copying is another process's work: if this one opened the file again and closed it, the lock that keeps others
    from writing would be gone (POSIX locks belong to process and file).
    """
    store.checkpoint()
    snapshot = store.path.with_name(SNAPSHOT)
    draft = snapshot.with_suffix(".tmp")
    try:
        subprocess.run(["cp", str(store.path), str(draft)], capture_output=True, text=True, check=True)
        draft.replace(snapshot)
    except (OSError, subprocess.CalledProcessError) as error:
        with suppress(OSError):
            draft.unlink()
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise SinkError(f"sink: {snapshot}: {' '.join(said.split())}: is there room for a copy on the disk?") from error
    return snapshot


class Schedule:
    """When the next snapshot is due: every `every_s`, later where taking one is a lot of work."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._due_s = 0.0
        self.changed = True  # since the last one, as far as is known

    def due(self) -> bool:
        """Whether something has changed and it is time."""
        return self.changed and time.monotonic() >= self._due_s

    def take(self, store: Store) -> None:
        """Take one, and say when the next may come."""
        started = time.monotonic()
        take(store)
        self.changed = False
        now = time.monotonic()
        self._due_s = now + max(self._every_s, (now - started) / SHARE_MAX)
