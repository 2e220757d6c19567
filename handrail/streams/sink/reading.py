"""The analytics database for readers: from the sink that has it open, from its file, or its snapshot."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson

from handrail.schemas.errors import ConfigError, SinkError
from handrail.streams.sink.database import LIVE, LIVE_FILE, SNAPSHOT, connect, load

TIMEOUT_S = 60.0
ROWS_MAX = 1_000_000
BYTES_MAX = 500_000_000  # of their values as Python has them, by estimate
FETCH_ROWS = 2_048
MEMORY_BYTES_MAX = 2_000_000_000

REFUSED = {
    "Authorization failed": "live looks through one table or view, with functions that need little memory",
    "Authentication failed": "the sink has another token now",
    "Failed to send message": "no sink answers where {file} says",
    "Invalid connection id": "the sink let no reader go on: a snapshot was due",
}
"""Quack's error where the query itself is not at fault -> what that means."""


class NotLiveError(Exception):
    """Why a query was not answered live. `served`: a sink had said that it would be."""

    def __init__(self, why: str, *, served: bool = True) -> None:
        super().__init__(why)
        self.served = served


class QueryResult(NamedTuple):
    """Column names, their DuckDB types, and the rows."""

    names: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Reading:
    """A connection that cannot write. `age_s` is how old the snapshot is; None for the live database."""

    connection: duckdb.DuckDBPyConnection
    path: Path
    age_s: float | None


def ask(
    connection: duckdb.DuckDBPyConnection, sql: str, given: Sequence[str] = (), timeout_s: float = TIMEOUT_S
) -> QueryResult:
    """All rows. Raises duckdb.Error for a mistake in the query, ConfigError where nothing is asked, or too much."""
    with _ended(connection, timeout_s):
        answer = connection.execute(sql, given)
        if answer is None or answer.description is None:
            raise ConfigError("query: nothing was asked: give one SQL query")
        columns = [(name, str(kind)) for name, kind, *_ in answer.description]
        return QueryResult(_unique([name for name, _ in columns]), [kind for _, kind in columns], _fetched(answer))


def _fetched(answer: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """All rows that are left. Raises ConfigError where they are more than what this process may hold."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    while fetched := answer.fetchmany(FETCH_ROWS):
        rows += fetched
        size += sum(sys.getsizeof(value) for row in fetched for value in row)
        if len(rows) > ROWS_MAX or size > BYTES_MAX:
            raise ConfigError(
                f"query: the answer has more than {ROWS_MAX:,} rows or {BYTES_MAX // 1_000_000} MB: give it a LIMIT, "
                "or write it to a file, COPY (SELECT …) TO 'file.parquet' with --external"
            )
    return rows


@contextmanager
def _ended(connection: duckdb.DuckDBPyConnection, timeout_s: float) -> Iterator[None]:
    """Interrupts the block after `timeout_s` seconds. Raises ConfigError then."""
    over = threading.Event()

    def end() -> None:
        over.set()
        connection.interrupt()

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (duckdb.InterruptException, duckdb.InvalidInputException):
        if not over.is_set():
            raise
        raise ConfigError(
            f"query: no answer within {timeout_s:g} s: narrow it, or give it more (--timeout-s)"
        ) from None
    finally:
        timer.cancel()


def ask_live(data: Path, sql: str, timeout_s: float = TIMEOUT_S) -> QueryResult:
    """The answer of the sink that serves this folder.

    Raises NotLiveError where none does or it may not, duckdb.Error for a mistake in the query.
    """
    file = data / LIVE_FILE
    try:
        served = orjson.loads(file.read_bytes())
        given = [served["uri"], sql, served["token"]]
    except FileNotFoundError:
        raise NotLiveError("no sink serves it live", served=False) from None
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise NotLiveError(f"{file}: {_first(error)}") from error
    try:
        with connect(Path(":memory:"), read_only=False) as connection:
            load(connection)
            return ask(connection, "FROM quack_query(?, ?, token := ?)", given, timeout_s)
    except SinkError as error:
        raise NotLiveError(str(error)) from error
    except duckdb.Error as error:
        if why := next((why for message, why in REFUSED.items() if message in str(error)), None):
            raise NotLiveError(why.format(file=file)) from error
        raise


def within_memory(bytes_max: int = MEMORY_BYTES_MAX) -> None:
    """From now on this process gets no more memory than that: DuckDB's own limit does not count one long value."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = bytes_max if hard == resource.RLIM_INFINITY else min(bytes_max, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def open_readonly(data: Path, *, snapshot_only: bool = False, external: bool = False) -> Reading:
    """The database, or its snapshot while the sink writes. Raises ConfigError where there is nothing to read.

    What is asked there reaches other files and the net only where `external` allows it.
    """
    live, snapshot = data / LIVE, data / SNAPSHOT
    if not live.exists() and not snapshot.exists():
        raise ConfigError(f"{data}: no database there: start `handrail sink --data {data}` first, or give its folder")
    if not snapshot_only:
        try:
            return Reading(connect(live, read_only=True, external=external), live, None)
        except duckdb.IOException as error:
            if not snapshot.exists():
                advice = "there is no snapshot yet: try again in a moment"
                if "lock" not in str(error):
                    advice = "was it made by the sink?"
                raise ConfigError(f"{live}: {_first(error)}: {advice}") from error
    try:
        age_s = max(0.0, time.time() - snapshot.stat().st_mtime)
        return Reading(connect(snapshot, read_only=True, external=external), snapshot, age_s)
    except (duckdb.Error, OSError) as error:
        raise ConfigError(f"{snapshot}: {_first(error)}: is it readable, and made by this version?") from error


def _first(error: Exception) -> str:
    return str(error).splitlines()[0]


def _unique(names: list[str]) -> list[str]:
    """A name that stands twice gets a number, so that no column is lost in JSON."""
    return [name if name not in names[:at] else f"{name}_{names[:at].count(name)}" for at, name in enumerate(names)]
