"""Which decisions were acted on: a file that says so before the action runs, whatever becomes of the process then."""

import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handrail.client.durable import opened, transaction
from handrail.client.errors import GateClosed
from handrail.schemas.clock import to_rfc3339

BUSY_S = 10.0  # one waits so long for another process that writes
DAY_MS = 24 * 60 * 60 * 1000
KEPT_DAYS = 400  # a claim stays so long behind the end of its decision; the log's own memory of it is shorter
PRUNE_EVERY = 1_000  # claims
BACKWARDS_MS = 5_000  # so far a clock may be set back

_TABLES = """
CREATE TABLE IF NOT EXISTS claims (
  decision_id TEXT PRIMARY KEY, action_digest TEXT NOT NULL UNIQUE, conversation_id TEXT NOT NULL, tool TEXT NOT NULL,
  expires_ms INTEGER, claimed_ms INTEGER NOT NULL, claimed_by TEXT NOT NULL, ended_ms INTEGER, outcome TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (only_row INTEGER PRIMARY KEY CHECK (only_row = 0), latest_ms INTEGER NOT NULL);
"""
_FIELDS = "decision_id, conversation_id, tool, claimed_ms, claimed_by, ended_ms, outcome"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One decision that is to be acted on now. `expires_ms` None: it has no end.

    `action_digest` is that of the action under its first name (renewed.py): all its names are one claim.
    """

    decision_id: str
    action_digest: str
    conversation_id: str
    tool: str
    expires_ms: int | None
    arguments: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # as they were checked


@dataclass(frozen=True, slots=True)
class Claim:
    """A decision that was acted on, or is being. `outcome` is `ok`, `error`, or None where nobody has said.

    Times in milliseconds since 1970-01-01 UTC by this machine's clock; `claimed_by` is `process@host`.
    """

    decision_id: str
    conversation_id: str
    tool: str
    claimed_ms: int
    claimed_by: str
    ended_ms: int | None
    outcome: str | None

    def __str__(self) -> str:
        began = f"{self.tool} was begun at {to_rfc3339(self.claimed_ms)} by {self.claimed_by}"
        if self.ended_ms is None:
            return f"{began}, and nobody has said how it ended: see whether it took effect before doing it again"
        return f"{began} and ended at {to_rfc3339(self.ended_ms)} ({self.outcome})"


class Claims:
    """The file. Threads and processes of one machine may share it; each claim is on the disk before `take` returns."""

    def __init__(self, path: Path, kept_days: float = KEPT_DAYS) -> None:
        self._path, self._lock = path, threading.Lock()
        self._kept_ms = int(kept_days * DAY_MS)
        self._pid, self._taken = 0, 0
        self._open: sqlite3.Connection | None = None

    def take(self, wanted: Wanted, now_ms: int) -> Claim | None:
        """Claim a decision: None where it is claimed now, else the earlier claim of it, or of its action.

        Raises GateClosed where the file cannot be written, or this machine's clock was set back.
        """
        with self._writing() as file:
            latest = file.execute("SELECT latest_ms FROM clock").fetchone()
            if latest is not None and now_ms < latest[0] - BACKWARDS_MS:
                raise GateClosed(
                    f"{self._path}: this machine's clock says {to_rfc3339(now_ms)}, and it was "
                    f"{to_rfc3339(latest[0])} before: set it right (NTP)"
                )
            if (earlier := _found(file, wanted)) is not None:
                return earlier
            same = (wanted.decision_id, wanted.action_digest)
            by = f"{os.getpid()}@{socket.gethostname()}"
            row = (*same, wanted.conversation_id, wanted.tool, wanted.expires_ms, now_ms, by)
            file.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)", row)
            file.execute("INSERT OR REPLACE INTO clock VALUES (0, max(?, ?))", (now_ms, latest[0] if latest else 0))
            self._prune(file, now_ms)
            return None

    def earlier(self, wanted: Wanted, now_ms: int) -> Claim | None:
        """The claim of a decision or of its action, where there is one; nothing is claimed.

        Raises GateClosed, also where it would have left the file by now.
        """
        with self._writing() as file:
            found = _found(file, wanted)
        if found is None and wanted.expires_ms is not None and wanted.expires_ms < now_ms - self._kept_ms:
            raise GateClosed(
                f"{self._path}: keeps claims {self._kept_ms / DAY_MS:g} days, and {wanted.tool} was allowed until "
                f"{to_rfc3339(wanted.expires_ms)}: see whether it took effect before doing it again"
            )
        return found

    def end(self, decision_id: str, outcome: str, now_ms: int) -> None:
        """Say how it ended. Raises GateClosed."""
        with self._writing() as file:
            told = (now_ms, outcome, decision_id)
            file.execute("UPDATE claims SET ended_ms = ?, outcome = ? WHERE decision_id = ?", told)

    def unfinished(self) -> list[Claim]:
        """Those of which nobody has said how they ended, oldest first. Raises GateClosed."""
        with self._writing() as file:
            found = file.execute(f"SELECT {_FIELDS} FROM claims WHERE ended_ms IS NULL ORDER BY claimed_ms")
            return [Claim(*row) for row in found]

    def close(self) -> None:
        """The file is closed; it opens again when it is needed."""
        with self._lock:
            if self._open is not None and self._pid == os.getpid():
                self._open.close()
            self._open = None

    def _prune(self, file: sqlite3.Connection, now_ms: int) -> None:
        self._taken += 1
        if self._taken % PRUNE_EVERY == 1:
            file.execute("DELETE FROM claims WHERE expires_ms < ?", (now_ms - self._kept_ms,))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone among all threads and processes."""
        with self._lock:
            try:
                file = self._connected()
                with transaction(file):
                    yield file
            except (sqlite3.Error, OSError) as error:
                raise GateClosed(
                    f"{self._path}: claims cannot be written ({error}): give the gate a file on a local disk with room"
                ) from error

    def _connected(self) -> sqlite3.Connection:
        if self._open is None or self._pid != os.getpid():  # a connection must not be used across a fork
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._open, self._pid = opened(self._path, _TABLES, BUSY_S), os.getpid()
        return self._open


def _found(file: sqlite3.Connection, wanted: Wanted) -> Claim | None:
    same = (wanted.decision_id, wanted.action_digest)
    found = file.execute(f"SELECT {_FIELDS} FROM claims WHERE decision_id = ? OR action_digest = ?", same).fetchone()
    return None if found is None else Claim(*found)
