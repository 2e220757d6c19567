"""Copies of the database for readers while it is written: DuckDB lets only one process open it, if that writes."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path

from handrail.schemas.errors import SinkError
from handrail.streams.sink.database import SNAPSHOT
from handrail.streams.sink.live import Live
from handrail.streams.sink.store import Store

SHARE_MAX = 0.1  # of the sink's time
RETRY_S = 0.5
BLOCKED_S_MAX = 30.0  # how long live readers may keep a snapshot from being taken before no new ones are let in


def take(store: Store) -> Path | None:
    """The snapshot has all that is stored: whole, and in place at once; None while a live reader is in the way.

    Raises SinkError where the disk refuses.

    The copying is another process's work: if this one opened the file again and closed it, the lock that keeps others
    from writing would be gone (POSIX locks belong to process and file).
    """
    if not store.checkpoint():
        return None
    snapshot = store.path.with_name(SNAPSHOT)
    draft = snapshot.with_suffix(".tmp")
    try:
        subprocess.run(["cp", str(store.path), str(draft)], capture_output=True, text=True, check=True)
        draft.replace(snapshot)
    except (OSError, subprocess.CalledProcessError) as error:
        with suppress(OSError):
            draft.unlink()
        text = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise SinkError(f"sink: {snapshot}: {' '.join(text.split())}: is there room for a copy on the disk?") from error
    return snapshot


class Schedule:
    """When the next snapshot is due: every `every_s`, later where taking one is a lot of work.

    Where readers of `live` are in the way for BLOCKED_S_MAX, no new reader is let in before it is taken.
    """

    def __init__(self, every_s: float, live: Live | None = None) -> None:
        self._every_s, self._live = every_s, live
        self._due_s = 0.0
        self._blocked_s: float | None = None  # since when
        self.changed = True  # since the last one, as far as is known

    @property
    def blocked_s(self) -> float | None:
        """Since when live readers are in the way, by `time.monotonic`; None where none are."""
        return self._blocked_s

    def due(self) -> bool:
        """Whether something has changed and it is time."""
        return self.changed and time.monotonic() >= self._due_s

    def take(self, store: Store) -> bool:
        """Take one, and say when the next may come; False, and soon again, where a live reader is in the way."""
        started = time.monotonic()
        if take(store) is None:
            self._wait(started)
            return False
        if self._live is not None and self._blocked_s is not None:
            self._live.resume()
        self.changed, self._blocked_s = False, None
        now = time.monotonic()
        self._due_s = now + max(self._every_s, (now - started) / SHARE_MAX)
        return True

    def _wait(self, now_s: float) -> None:
        self._due_s = now_s + RETRY_S
        if self._blocked_s is None:
            self._blocked_s = now_s
        if self._live is not None and now_s - self._blocked_s >= BLOCKED_S_MAX:
            self._live.pause()
