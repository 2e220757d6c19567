"""The analytics database while it is written: rows and next offsets in one transaction, so that rows are the log.

A batch goes in as a file of JSON lines, which DuckDB reads and takes apart itself; docs/decisions/0004 has the figures.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

import duckdb

from handrail import private
from handrail.kafka.log_id import LogId
from handrail.schemas.errors import ConfigError, SinkError
from handrail.streams.sink import forgetting
from handrail.streams.sink.database import BATCH, LIVE, SNAPSHOT, connect
from handrail.streams.sink.forgetting import Removed
from handrail.streams.sink.forgotten import Forgotten
from handrail.streams.sink.live import Live
from handrail.streams.sink.rewrite import is_locked, rewrite_elsewhere
from handrail.streams.sink.schema import build

INSERTS = Path(__file__).parent / "inserts"
ALSO = {"events": ("feedback", "scores"), "decisions": ("reasons",)}
"""Tables that get rows from the records of another."""

PARAMETERS = "?"  # DuckDB takes what follows it in a path for parameters
LOCKED = "another process has it open"
MEMORY_S_MAX = REOPEN_S_MAX = 60.0
MEMORY_POLL_S = 0.1
LINE_BYTES_MAX = 16 << 20  # a dead letter of 9 MB in base64 has its place
STAGED = """
CREATE OR REPLACE TEMP TABLE batch AS
SELECT ? AS log_cluster, * EXCLUDE (log_ms), make_timestamptz(log_ms * 1000) AS log_time
FROM read_json(
    ?, format = 'newline_delimited', compression = 'uncompressed', maximum_object_size = ?,
    columns = {
        target: 'VARCHAR', type: 'VARCHAR', log_topic: 'VARCHAR', log_partition: 'INTEGER', log_offset: 'BIGINT',
        log_ms: 'BIGINT', conversation_id: 'VARCHAR',
        redactions: 'STRUCT(path VARCHAR, kinds VARCHAR[])[]', value: 'VARCHAR'
    }
)
"""
Place = tuple[str, int]
"""(topic, partition)."""

P = ParamSpec("P")
T = TypeVar("T")


def _sink_errors(method: Callable[P, T]) -> Callable[P, T]:
    """Turns errors of DuckDB and the disk into a SinkError of one line."""

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except (duckdb.Error, OSError) as error:
            raise SinkError(f"sink: {_where(args)}: {' '.join(str(error).split())[:500]}: {_todo(error)}") from error

    return wrapper


def _where(args: tuple[object, ...]) -> str:
    first = next((arg for arg in args if not isinstance(arg, type)), LIVE)
    return str(first.path if isinstance(first, Store) else first)


def _todo(error: Exception) -> str:
    if "lock" in str(error):
        return f"{LOCKED}: end that, or choose another folder with --data"
    return (
        "is there room on the disk, and may this user write there? Then start the sink again: it goes on where it was"
    )


def _connected_when_free(path: Path) -> duckdb.DuckDBPyConnection:
    """The database, open again; waits up to REOPEN_S_MAX for processes that read its file meanwhile."""
    deadline_s = time.monotonic() + REOPEN_S_MAX
    while True:
        try:
            return connect(path, read_only=False)
        except duckdb.IOException as error:
            if not is_locked(error) or time.monotonic() >= deadline_s:
                raise
        time.sleep(MEMORY_POLL_S)  # DuckDB does not notify when the file is free


class Store:
    """One open database. Not for several threads at a time."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path, self._connection = path, connection
        self._batch = path.with_name(BATCH)
        self.live: Live | None = None
        self._inserts = {file.stem: file.read_text(encoding="utf-8") for file in INSERTS.glob("*.sql")}
        self.forgotten = Forgotten.stored(connection)
        """The customers that it leaves out. Only `write` and `forget` change it."""
        self.forgotten.write(path.parent)

    @classmethod
    @_sink_errors
    def open(cls, path: Path) -> Self:
        """The database with its newest schema, made if there is none. Raises SinkError."""
        if PARAMETERS in str(path.absolute()):
            raise SinkError(f"{path}: DuckDB takes what follows a {PARAMETERS} for parameters: choose another folder")
        folder = private.made(path.parent)
        connection = connect(path, read_only=False)
        for name in (LIVE, f"{LIVE}.wal", SNAPSHOT, BATCH):  # of a version, or a copy, that let others read them
            private.tightened(folder / name)
        build(connection)
        return cls(path, connection)

    @_sink_errors
    def offsets(self, cluster: str) -> dict[Place, int]:
        """The next offset of each partition of that cluster of which anything is stored."""
        asked = 'SELECT topic, "partition", next_offset FROM offsets WHERE cluster_id = ?'
        rows = self._connection.execute(asked, [cluster]).fetchall()
        return {(topic, partition): offset for topic, partition, offset in rows}

    @_sink_errors
    def belongs(self, log: LogId) -> None:
        """Rows of this log may be added. Raises ConfigError where it has rows of another log under the same names."""
        asked = "SELECT topic, topic_id FROM logs WHERE cluster_id = ?"
        stored = dict(self._connection.execute(asked, [log.cluster]).fetchall())
        if why := LogId(log.cluster, stored).changed(log):
            raise ConfigError(
                f"{self.path}: holds rows of another log of cluster {log.cluster}: {why}: "
                "choose another folder with --data, or move this one away: the new log is stored from its beginning"
            )
        for topic, topic_id in log.topics.items():
            self._connection.execute("INSERT OR IGNORE INTO logs VALUES (?, ?, ?)", [log.cluster, topic, topic_id])

    @_sink_errors
    def write(
        self,
        cluster: str,
        lines: Sequence[tuple[str, bytes]],
        offsets: Mapping[Place, int],
        returned: Collection[str] = (),
    ) -> None:
        """All rows of the lines (`stage.stage`) and the next offsets are stored, or, after a SinkError, none.

        `returned`: conversations of forgotten customers, of which no row stays, not even older ones. Where a live
        reader has taken the memory, it may end within MEMORY_S_MAX, and no new reader is let in meanwhile.
        """
        try:
            self._write(cluster, lines, offsets, returned)
        except duckdb.OutOfMemoryException:
            if self.live is None:
                raise
            self.live.pause()
            self._write_when_free(cluster, lines, offsets, returned)
            self.live.resume()

    def _write_when_free(
        self,
        cluster: str,
        lines: Sequence[tuple[str, bytes]],
        offsets: Mapping[Place, int],
        returned: Collection[str],
    ) -> None:
        deadline_s = time.monotonic() + MEMORY_S_MAX
        while True:
            time.sleep(MEMORY_POLL_S)  # DuckDB does not notify when memory is free again
            try:
                return self._write(cluster, lines, offsets, returned)
            except duckdb.OutOfMemoryException:
                if time.monotonic() >= deadline_s:
                    raise

    def _write(
        self,
        cluster: str,
        lines: Sequence[tuple[str, bytes]],
        offsets: Mapping[Place, int],
        returned: Collection[str],
    ) -> None:
        tables = dict.fromkeys(table for table, _ in lines)
        # In one piece: each write of a buffer would have to wait for Python's lock again.
        self._batch.write_bytes(b"".join(line for _, line in lines))
        try:
            self._connection.execute("BEGIN")
            self._connection.execute(STAGED, [cluster, str(self._batch), LINE_BYTES_MAX])
            for table in tables:
                for name in (table, *ALSO.get(table, ())):
                    self._connection.execute(self._inserts[name])
            self._connection.execute(self._inserts["redactions"])
            if returned:
                forgetting.remove(self._connection, cluster, returned, self.forgotten)
            self._put_offsets(cluster, offsets)
            self._connection.execute("DROP TABLE batch")
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._batch.unlink(missing_ok=True)  # customers' words lie in it

    def _put_offsets(self, cluster: str, offsets: Mapping[Place, int]) -> None:
        rows = [(cluster, topic, partition, offset) for (topic, partition), offset in offsets.items()]
        values = ", ".join(["(?, ?, ?, ?)"] * len(rows))
        self._connection.execute(
            f"INSERT INTO offsets VALUES {values} ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
            [field for row in rows for field in row],
        )

    @_sink_errors
    def checkpoint(self) -> bool:
        """The file alone holds everything; False where a live reader is in the way: in the rows, or in memory."""
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.TransactionException:
            return False
        except duckdb.OutOfMemoryException:
            if self.live is None:
                raise
            return False
        return True

    @_sink_errors
    def forget(self, ref: str, tenant: str | None) -> tuple[Removed, list[str]]:
        """No row is of that customer any more, and none comes back; free pages of the file may still hold some."""
        return forgetting.forget(self._connection, ref, tenant, self.forgotten)

    @_sink_errors
    def rewrite(self) -> bool:
        """The file has nothing but its rows; False where a live query does not end. Others may read it live again."""
        live, self.live = self.live, None
        if live is not None:
            live.close()
        self._connection.close()
        self._batch.unlink(missing_ok=True)
        done = rewrite_elsewhere(self.path)
        self._connection = _connected_when_free(self.path)
        self.forgotten.write(self.path.parent)
        if live is not None:
            live.move(self._connection.cursor())
            self.live = live
        return done

    @_sink_errors
    def share(self, address: str) -> Live:
        """Others read it at that address from now on (`Live`)."""
        self.live = Live(self._connection.cursor(), self.path.parent, address)
        return self.live

    @_sink_errors
    def unshare(self) -> None:
        """Lets no other process read it from now on; a running query is answered."""
        if self.live is not None:
            self.live.close()
            self.live = None

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Another connection to the same database, for looking at it between two batches."""
        return self._connection.cursor()

    def close(self) -> None:
        """The file is free for others."""
        self.unshare()
        self._connection.close()
        self._batch.unlink(missing_ok=True)
