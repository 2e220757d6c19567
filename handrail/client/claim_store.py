"""The claims of a gate: a file that records each use of a decision before the action runs, whatever happens then."""

import os
import secrets
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from handrail.client.claim import Claim, ClaimRequest
from handrail.client.durable_file import FileIdentity, make_private, open_durable, transaction
from handrail.client.errors import GateClosed
from handrail.schemas.clock import to_rfc3339

BUSY_S = 10.0  # the wait for another process that writes
DAY_MS = 24 * 60 * 60 * 1000
KEPT_DAYS = 400  # a claim stays so long after the end of its decision; the log's own memory of it is shorter
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
# One thread of this process at a time: opening a file beside SQLite and closing it ends SQLite's locks on it.
_LOCK = threading.RLock()
_FIELDS = "decision_id, conversation_id, tool, claimed_ms, claimed_by, ended_ms, outcome"


@dataclass(frozen=True, slots=True)
class _StoreHeader:
    """Which file it is: it knows what was acted on from `from_ms` on, by this machine's clock."""

    id: str
    from_ms: int
    identity: FileIdentity


class ClaimStore:
    """The file. Threads and processes of one machine may share it; each claim is on the disk before `take` returns.

    It is made, readable by its owner alone, where there is none. It knows what was acted on from `from_ms` on: a little
    after it was made, so that what was decided then or later surely was decided after it. Raises GateClosed.
    """

    def __init__(self, path: Path, now_ms: int, kept_days: float = KEPT_DAYS) -> None:
        self._path = path
        self._kept_ms = int(kept_days * DAY_MS)
        self._pid, self._taken, self._latest_ms = 0, 0, 0
        self._connection: sqlite3.Connection | None = None
        with _LOCK, self._reporting_disk_errors():
            make_private(path)
            self._header = self._load_header(self._connect(), now_ms)

    @property
    def from_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC by this machine's clock."""
        return self._header.from_ms

    def take(self, request: ClaimRequest, now_ms: int) -> Claim | None:
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
            if (earlier := _select_claim(file, request)) is not None:
                return earlier
            self._refuse_older(request)
            keys = (request.decision_id, request.action_digest)
            by = f"{os.getpid()}@{socket.gethostname()}"
            row = (*keys, request.conversation_id, request.tool, request.expires_ms, now_ms, by)
            file.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)", row)
            self._latest_ms = max(now_ms, latest[0])
            file.execute("UPDATE clock SET latest_ms = ?", (self._latest_ms,))
            self._prune(file, now_ms)
            return None

    def earlier(self, request: ClaimRequest, now_ms: int) -> Claim | None:
        """The claim of a decision or of its action, where there is one; nothing is claimed.

        Raises GateClosed, also where it would have left the file by now.
        """
        with self._writing() as file:
            claim = _select_claim(file, request)
        if claim is None:
            self._refuse_older(request)
        if claim is None and request.expires_ms is not None and request.expires_ms < now_ms - self._kept_ms:
            raise GateClosed(
                f"{self._path}: keeps claims {self._kept_ms / DAY_MS:g} days, and {request.tool} was allowed until "
                f"{to_rfc3339(request.expires_ms)}: see whether it took effect before doing it again"
            )
        return claim

    def end(self, decision_id: str, outcome: str, now_ms: int) -> None:
        """Record how the action ended. Raises GateClosed."""
        with self._writing() as file:
            row = (now_ms, outcome, decision_id)
            file.execute("UPDATE claims SET ended_ms = ?, outcome = ? WHERE decision_id = ?", row)

    def unfinished(self) -> list[Claim]:
        """The claims without an outcome, oldest first. Raises GateClosed."""
        with self._writing() as file:
            rows = file.execute(f"SELECT {_FIELDS} FROM claims WHERE ended_ms IS NULL ORDER BY claimed_ms")
            return [Claim(*row) for row in rows]

    def close(self) -> None:
        """Close the file; it opens again when it is needed."""
        with _LOCK:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _prune(self, file: sqlite3.Connection, now_ms: int) -> None:
        self._taken += 1
        if self._taken % PRUNE_EVERY == 1:
            file.execute("DELETE FROM claims WHERE expires_ms < ?", (now_ms - self._kept_ms,))

    def _refuse_older(self, request: ClaimRequest) -> None:
        """Raises GateClosed for what may have been acted on before the file existed."""
        if request.made_ms < self._header.from_ms:
            raise GateClosed(
                f"{self._path}: knows what was acted on since {to_rfc3339(self._header.from_ms)}, when it was made or "
                f"moved there, and {request.tool} may have been decided before: see whether it took effect, and only "
                "where it did not, propose it anew"
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone among all threads and processes, in the file that it was from the start."""
        with _LOCK, self._reporting_disk_errors():
            self._check_identity()
            file = self._connect()
            with transaction(file):
                self._check_header(file)
                yield file
            self._check_identity()

    @contextmanager
    def _reporting_disk_errors(self) -> Iterator[None]:
        """Raises GateClosed for errors of SQLite and the disk."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise GateClosed(
                f"{self._path}: claims cannot be written ({error}): give the gate a file on a local disk with room"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None or self._pid != os.getpid():  # a connection must not be used across a fork
            self._connection = open_durable(self._path, _TABLES, BUSY_S, journal="DELETE")
            self._pid = os.getpid()
        return self._connection

    def _load_header(self, file: sqlite3.Connection, now_ms: int) -> _StoreHeader:
        """The file's header. A file that was copied or moved may lack claims: it begins anew, from now on."""
        identity = FileIdentity.of(self._path)
        with transaction(file):
            header = _read_header(file)
            if header is None or header.identity != identity:
                header = _StoreHeader(secrets.token_hex(16), now_ms + BEHIND_MS, identity)
                row = (header.id, header.from_ms, *identity)
                file.execute("INSERT OR REPLACE INTO file VALUES (0, ?, ?, ?, ?, ?)", row)
                file.execute("INSERT OR IGNORE INTO clock VALUES (0, ?)", (now_ms,))
        return header

    def _check_header(self, file: sqlite3.Connection) -> None:
        """Raises GateClosed where the file was written over, with another one or with an earlier state of it."""
        latest = file.execute("SELECT latest_ms FROM clock").fetchone()
        if _read_header(file) != self._header or latest is None or latest[0] < self._latest_ms:
            raise self._replaced("it was written over")

    def _check_identity(self) -> None:
        """Raises GateClosed where the name leads to no file, or to another one."""
        try:
            identity = FileIdentity.of(self._path, with_generation=False)
        except FileNotFoundError:
            raise self._replaced("it is gone") from None
        if not identity.same_inode(self._header.identity):
            raise self._replaced("another one lies there now")

    def _replaced(self, how: str) -> GateClosed:
        return GateClosed(
            f"{self._path}: {how}, and with the file what was acted on: put it back where it was moved away, or start "
            "the gate again: a new file refuses what was decided before it"
        )


def _read_header(file: sqlite3.Connection) -> _StoreHeader | None:
    row = file.execute("SELECT id, from_ms, device, inode, generation FROM file").fetchone()
    return None if row is None else _StoreHeader(row[0], row[1], FileIdentity(*row[2:]))


def _select_claim(file: sqlite3.Connection, request: ClaimRequest) -> Claim | None:
    keys = (request.decision_id, request.action_digest)
    row = file.execute(f"SELECT {_FIELDS} FROM claims WHERE decision_id = ? OR action_digest = ?", keys).fetchone()
    return None if row is None else Claim(*row)
