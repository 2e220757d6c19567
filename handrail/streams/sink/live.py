"""The open database for readers in other processes, while the sink writes: served by Quack, for reading only.

A client with the token may ask one SELECT at a time, made of what allowed.py names: it looks through one table or view,
reads no file, changes nothing, and calls nothing that does, or that takes more memory than what it is given.
"""

import os
import secrets
import socket
from pathlib import Path

import duckdb
import orjson

from handrail.schemas.errors import ConfigError
from handrail.streams.address import LOOPBACK, host_port
from handrail.streams.sink.allowed import gate
from handrail.streams.sink.database import BATCH, LIVE_FILE, load

TOKEN_BYTES = 32
TRIES = 5  # a port that was free a moment ago may be taken

SHUT = "CREATE OR REPLACE MACRO readers.main.may(session, query) AS FALSE"


class Live:
    """A server of the database that `connection` has open. `file` in its folder says where it is, and the token."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path, address: str) -> None:
        """Serves. Raises SinkError where DuckDB's extensions are missing, ConfigError where it cannot listen there."""
        self._address = address
        self.file = folder / LIVE_FILE
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        self.move(connection)

    def move(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Serves this connection's database from now on, with the same token; call `close` first. Raises as above."""
        self._connection = connection
        self.file.unlink(missing_ok=True)  # of a sink that was killed
        load(connection)
        _enclose(connection, self.file.parent)
        self.uri = self._serve()
        self._write_file()

    @property
    def serving(self) -> bool:
        """Whether new readers are let in."""
        return self.file.exists()

    def pause(self) -> None:
        """No new reader is let in, and no idle reader keeps a view of the past; a running query is answered."""
        if self.serving:
            self.file.unlink()
            self._connection.execute(SHUT)
            self._connection.execute("CALL quack_stop(?)", [self.uri])

    def resume(self) -> None:
        """As before `pause`; at another port, where any was good. Raises ConfigError as at the start."""
        if not self.serving:
            self._connection.execute(gate())
            self.uri = self._serve()
            self._write_file()

    def close(self) -> None:
        """Serves no reader any more. May be called twice."""
        self.pause()

    def _serve(self) -> str:
        host, port = host_port(self._address)
        shown = f"[{host}]" if ":" in host else host
        for left in reversed(range(TRIES)):
            uri = f"quack:{shown}:{port or _free(host)}"
            try:
                _listen(self._connection, uri, self._token, self._address)
            except ConfigError:
                if port or not left:
                    raise
            else:
                return uri
        raise AssertionError("unreachable")

    def _write_file(self) -> None:
        draft = self.file.with_suffix(".tmp")
        draft.unlink(missing_ok=True)
        served = {"uri": self.uri, "token": self._token, "pid": os.getpid()}
        draft.touch(0o600, exist_ok=False)
        draft.write_bytes(orjson.dumps(served, option=orjson.OPT_APPEND_NEWLINE))
        draft.replace(self.file)


def _enclose(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """A reader has no other file, cannot load code, and counts in UTC as the writer does."""
    connection.execute("ATTACH IF NOT EXISTS ':memory:' AS readers")
    connection.execute(gate())
    connection.execute("SET GLOBAL quack_authorization_function = 'readers.main.may'")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET GLOBAL quack_fetch_batch_chunks = 1")  # of 2,048 rows: a wide one takes megabytes
    if connection.execute("SELECT current_setting('enable_external_access')").fetchone() == (True,):
        # The batch comes from a file (store.py), which is all that this process reads through DuckDB from now on.
        connection.execute("SET GLOBAL allowed_paths = ?", [[str(folder / BATCH)]])
        connection.execute("SET GLOBAL enable_external_access = FALSE")


def _listen(connection: duckdb.DuckDBPyConnection, uri: str, token: str, address: str) -> None:
    asked = "CALL quack_serve(?, token := ?, allow_other_hostname := ?)"
    local = host_port(address)[0] in {LOOPBACK, "localhost", "::1"}
    try:
        connection.execute(asked, [uri, token, not local])
    except duckdb.Error as error:
        why = " ".join(str(error).split("LINE 1:")[0].split())
        raise ConfigError(f"--live-address {address}: {why}: choose another one of this machine's") from error


def _free(host: str) -> int:
    """A port of that host that is free just now; Quack takes no 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise ConfigError(f"--live-address {host}: {error.strerror}: is it one of this machine's?") from error
        return int(probe.getsockname()[1])
