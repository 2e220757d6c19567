"""The file of the login: its tables, one-time links, and the clients that people have logged in from.

Secrets are in it as hashes only.
"""

import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handrail import private
from handrail.client.durable_file import open_durable, transaction
from handrail.schemas.errors import ConfigError

MODE = 0o600
BUSY_S = 2.0
SECRET_BYTES = 32  # 256 bits
SECRET_LENGTH = 43  # as url-safe base64 without padding

_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
  id BLOB PRIMARY KEY, person TEXT NOT NULL, name TEXT NOT NULL, roles TEXT NOT NULL, source TEXT NOT NULL,
  stamp TEXT NOT NULL, begun_s REAL NOT NULL, seen_s REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_of ON sessions (person, seen_s);
CREATE TABLE IF NOT EXISTS flows (
  state BLOB PRIMARY KEY, browser BLOB NOT NULL, nonce TEXT NOT NULL, verifier TEXT NOT NULL, next TEXT NOT NULL,
  begun_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (
  token BLOB PRIMARY KEY, person TEXT NOT NULL, ends_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (
  person TEXT NOT NULL, client TEXT NOT NULL, seen_s REAL NOT NULL, PRIMARY KEY (person, client)
) WITHOUT ROWID;
"""
GOOD_S = 15 * 60.0
LINKS_MAX = 16
KEPT_S = 30 * 86_400.0
KNOWN_MAX = 20_000


def new_secret() -> str:
    """256 random bits, as they go into a cookie or an address."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """What is stored of a secret. It has 256 bits, so a plain hash cannot be searched."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Store:
    """One SQLite file, readable by its owner alone; what was written survives the process and the power."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.RLock()
        try:
            private.made(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, MODE))
            path.chmod(MODE)
            self._file = open_durable(path, _TABLES, BUSY_S)
            self._file.execute("PRAGMA secure_delete=ON")
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{path}: {error}: give --data a folder on a local disk that can be written") from None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone among all threads and processes. Raises ConfigError where it cannot be written."""
        with self.reading() as file, transaction(file):
            yield file

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """What stands in it now. Raises ConfigError where it cannot be read."""
        with self._lock:
            try:
                yield self._file
            except sqlite3.Error as error:
                raise ConfigError(f"{self.path}: {error}: give the desk a folder on a local disk with room") from error

    def close(self) -> None:
        """The file is closed."""
        with self._lock:
            self._file.close()


class Links:
    """Links that are good once, for a quarter of an hour."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def new(self, person: str, now_s: float) -> str:
        """A token that lets this person in."""
        token = new_secret()
        with self._store.writing() as file:
            file.execute("DELETE FROM links WHERE ends_s <= ?", (now_s,))
            file.execute("INSERT INTO links VALUES (?, ?, ?)", (digest(token), person, now_s + GOOD_S))
            over = "SELECT token FROM links ORDER BY ends_s DESC LIMIT -1 OFFSET ?"
            file.execute(f"DELETE FROM links WHERE token IN ({over})", (LINKS_MAX,))
        return token

    def take(self, token: str, now_s: float) -> str | None:
        """Whom it lets in; from now on nobody. None: it was used, is too old, or never was."""
        if len(token) != SECRET_LENGTH:
            return None
        with self._store.writing() as file:
            taken = file.execute("DELETE FROM links WHERE token = ? RETURNING person, ends_s", (digest(token),))
            row = taken.fetchone()
            taken.close()
        return row[0] if row is not None and now_s < row[1] else None

    def forget(self) -> None:
        """No link is good any more: there are users now."""
        with self._store.writing() as file:
            file.execute("DELETE FROM links")


class KnownClients:
    """Pairs of person and client address of the last 30 days."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, person: str, client: str, now_s: float) -> None:
        """This person has logged in from there."""
        with self._store.writing() as file:
            file.execute("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", (person, client, now_s))
            file.execute("DELETE FROM known WHERE seen_s < ?", (now_s - KEPT_S,))
            over = "SELECT person, client FROM known ORDER BY seen_s DESC LIMIT -1 OFFSET ?"
            file.execute(f"DELETE FROM known WHERE (person, client) IN ({over})", (KNOWN_MAX,))

    def has(self, person: str, client: str) -> bool:
        """This person has logged in from there before."""
        with self._store.reading() as file:
            row = file.execute("SELECT 1 FROM known WHERE person = ? AND client = ?", (person, client)).fetchone()
        return row is not None
