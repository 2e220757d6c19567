"""The file behind login: sessions, logins on their way, one-time links. Secrets are in it as hashes only."""

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


def new_secret() -> str:
    """256 random bits, as they go into a cookie or an address."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """What is kept of a secret. It has 256 bits, so a plain hash cannot be searched."""
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
