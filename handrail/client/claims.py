"""Which decisions were acted on: a file that says so before the action runs, whatever becomes of the process then."""

import os
import secrets
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
from handrail.client.place import Place, made_private
from handrail.schemas.clock import to_rfc3339

BUSY_S = 10.0  # one waits so long for another process that writes
DAY_MS = 24 * 60 * 60 * 1000
KEPT_DAYS = 400  # a claim stays so long behind the end of its decision; the log's own memory of it is shorter
PRUNE_EVERY = 1_000  # claims
BACKWARDS_MS = 5_000  # so far a clock may be set back
BEHIND_MS = 1_000  # so far this machine's clock may be behind the broker's while a file is made

_TABLES = """
CREATE TABLE IF NOT EXISTS claims (
  decision_id TEXT PRIMARY KEY, action_digest TEXT NOT NULL UNIQUE, conversation_id TEXT NOT NULL, tool TEXT NOT NULL,
  expires_ms INTEGER, claimed_ms INTEGER NOT NULL, claimed_by TEXT NOT NULL, ended_ms INTEGER, outcome TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (only_row INTEGER PRIMARY KEY CHECK (only_row = 0), latest_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS file (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 0), id TEXT NOT NULL, from_ms INTEGER NOT NULL,
  device INTEGER NOT NULL, inode INTEGER NOT NULL, generation INTEGER NOT NULL
);
"""
_ALONE = (
    threading.RLock()
)  # in this process: whoever opens a file beside SQLite and closes it ends SQLite's locks on it
_FIELDS = "decision_id, conversation_id, tool, claimed_ms, claimed_by, ended_ms, outcome"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One decision that is to be acted on now. `expires_ms` None: it has no end; `made_ms`: made then or later.

    `action_digest` is that of the action under its first name (renewed.py): all its names are one claim.
    """

    decision_id: str
    action_digest: str
    conversation_id: str
    tool: str
    expires_ms: int | None
    made_ms: int
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


@dataclass(frozen=True, slots=True)
class _File:
    """Which file it is: what was acted on from `from_ms` on, by this machine's clock, it knows."""

    id: str
    from_ms: int
    place: Place


class Claims:
    """The file. Threads and processes of one machine may share it; each claim is on the disk before `take` returns.

    It is made, readable by its owner alone, where there is none. It knows what was acted on from `from_ms` on: a little
    after it was made, so that what was decided then or later surely was decided after it. Raises GateClosed.
    """

    def __init__(self, path: Path, now_ms: int, kept_days: float = KEPT_DAYS) -> None:
        self._path = path
        self._kept_ms = int(kept_days * DAY_MS)
        self._pid, self._taken, self._latest_ms = 0, 0, 0
        self._open: sqlite3.Connection | None = None
        with _ALONE, self._telling():
            made_private(path)
            self._file = self._known(self._connected(), now_ms)

    @property
    def from_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC by this machine's clock."""
        return self._file.from_ms

    def take(self, wanted: Wanted, now_ms: int) -> Claim | None:
        """Claim a decision: None where it is claimed now, else the earlier claim of it, or of its action.

        Raises GateClosed where the file cannot be written, or this machine's clock was set back.
        """
        with self._writing() as file:
            latest = file.execute("SELECT latest_ms FROM clock").fetchone()
            if now_ms < latest[0] - BACKWARDS_MS:
                raise GateClosed(
                    f"{self._path}: this machine's clock says {to_rfc3339(now_ms)}, and it was "
                    f"{to_rfc3339(latest[0])} before: set it right (NTP)"
                )
            if (earlier := _found(file, wanted)) is not None:
                return earlier
            self._refuse_older(wanted)
            same = (wanted.decision_id, wanted.action_digest)
            by = f"{os.getpid()}@{socket.gethostname()}"
            row = (*same, wanted.conversation_id, wanted.tool, wanted.expires_ms, now_ms, by)
            file.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)", row)
            self._latest_ms = max(now_ms, latest[0])
            file.execute("UPDATE clock SET latest_ms = ?", (self._latest_ms,))
            self._prune(file, now_ms)
            return None

    def earlier(self, wanted: Wanted, now_ms: int) -> Claim | None:
        """The claim of a decision or of its action, where there is one; nothing is claimed.

        Raises GateClosed, also where it would have left the file by now.
        """
        with self._writing() as file:
            found = _found(file, wanted)
        if found is None:
            self._refuse_older(wanted)
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
        with _ALONE:
            if self._open is not None and self._pid == os.getpid():
                self._open.close()
            self._open = None

    def _prune(self, file: sqlite3.Connection, now_ms: int) -> None:
        self._taken += 1
        if self._taken % PRUNE_EVERY == 1:
            file.execute("DELETE FROM claims WHERE expires_ms < ?", (now_ms - self._kept_ms,))

    def _refuse_older(self, wanted: Wanted) -> None:
        """Raises GateClosed for what may have been acted on before the file was there to say so."""
        if wanted.made_ms < self._file.from_ms:
            raise GateClosed(
                f"{self._path}: knows what was acted on since {to_rfc3339(self._file.from_ms)}, when it was made or "
                f"moved there, and {wanted.tool} may have been decided before: see whether it took effect, and only "
                "where it did not, propose it anew"
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone among all threads and processes, in the file that it was from the start."""
        with _ALONE, self._telling():
            self._same_place()
            file = self._connected()
            with transaction(file):
                self._same_file(file)
                yield file
            self._same_place()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Raises GateClosed for what the disk says."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise GateClosed(
                f"{self._path}: claims cannot be written ({error}): give the gate a file on a local disk with room"
            ) from error

    def _connected(self) -> sqlite3.Connection:
        if self._open is None or self._pid != os.getpid():  # a connection must not be used across a fork
            self._open, self._pid = opened(self._path, _TABLES, BUSY_S, journal="DELETE"), os.getpid()
        return self._open

    def _known(self, file: sqlite3.Connection, now_ms: int) -> _File:
        """What the file says of itself. One that was copied or moved may lack claims: it begins anew, from now on."""
        place = Place.of(self._path)
        with transaction(file):
            found = _file(file)
            if found is None or found.place != place:
                found = _File(secrets.token_hex(16), now_ms + BEHIND_MS, place)
                file.execute("INSERT OR REPLACE INTO file VALUES (0, ?, ?, ?, ?, ?)", (found.id, found.from_ms, *place))
                file.execute("INSERT OR IGNORE INTO clock VALUES (0, ?)", (now_ms,))
        return found

    def _same_file(self, file: sqlite3.Connection) -> None:
        """Raises GateClosed where what lies there was written over, with another file or with what it was before."""
        latest = file.execute("SELECT latest_ms FROM clock").fetchone()
        if _file(file) != self._file or latest is None or latest[0] < self._latest_ms:
            raise self._replaced("it was written over")

    def _same_place(self) -> None:
        """Raises GateClosed where the name leads to no file, or to another one."""
        try:
            place = Place.of(self._path, whole=False)
        except FileNotFoundError:
            raise self._replaced("it is gone") from None
        if not place.same(self._file.place):
            raise self._replaced("another one lies there now")

    def _replaced(self, how: str) -> GateClosed:
        return GateClosed(
            f"{self._path}: {how}, and with the file what was acted on: put it back where it was moved away, or start "
            "the gate again: a new file refuses what was decided before it"
        )


def _file(file: sqlite3.Connection) -> _File | None:
    found = file.execute("SELECT id, from_ms, device, inode, generation FROM file").fetchone()
    return None if found is None else _File(found[0], found[1], Place(*found[2:]))


def _found(file: sqlite3.Connection, wanted: Wanted) -> Claim | None:
    same = (wanted.decision_id, wanted.action_digest)
    found = file.execute(f"SELECT {_FIELDS} FROM claims WHERE decision_id = ? OR action_digest = ?", same).fetchone()
    return None if found is None else Claim(*found)
