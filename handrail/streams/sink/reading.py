"""The analytics database for those who only read: from the sink that has it open, from its file, or its snapshot."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson

from handrail.schemas.errors import ConfigError, SinkError
from handrail.streams.sink.database import LIVE, LIVE_FILE, SNAPSHOT, connect
from handrail.streams.sink.quack import load

REFUSED = {
    "Authorization failed": "live takes one SELECT over tables and views",
    "Authentication failed": "the sink has another token now",
    "Failed to send message": "no sink answers where {file} says",
    "Invalid connection id": "the sink let no reader go on: a snapshot was due",
}
"""What Quack says where the query itself is not at fault, and what that means."""


class NotLiveError(Exception):
    """Why a query was not answered live. `served`: a sink had said that it would be."""

    def __init__(self, why: str, *, served: bool = True) -> None:
        super().__init__(why)
        self.served = served


class Answer(NamedTuple):
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


def ask(connection: duckdb.DuckDBPyConnection, sql: str, given: Sequence[str] = ()) -> Answer:
    """All rows. Raises duckdb.Error for a mistake in the query, ConfigError where nothing is asked."""
    found = connection.execute(sql, given)
    if found is None or found.description is None:
        raise ConfigError("query: nothing was asked: give one SQL query")
    columns = [(name, str(kind)) for name, kind, *_ in found.description]
    return Answer(_unique([name for name, _ in columns]), [kind for _, kind in columns], found.fetchall())


def ask_live(data: Path, sql: str) -> Answer:
    """What the sink answers that serves this folder.

    Raises NotLiveError where none does or it may not, duckdb.Error for a mistake in the query.
    """
    file = data / LIVE_FILE
    try:
        told = orjson.loads(file.read_bytes())
        given = [told["uri"], sql, told["token"]]
    except FileNotFoundError:
        raise NotLiveError("no sink serves it live", served=False) from None
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise NotLiveError(f"{file}: {_first(error)}") from error
    try:
        with connect(Path(":memory:"), read_only=False) as connection:
            load(connection)
            return ask(connection, "FROM quack_query(?, ?, token := ?)", given)
    except SinkError as error:
        raise NotLiveError(str(error)) from error
    except duckdb.Error as error:
        if why := next((why for said, why in REFUSED.items() if said in str(error)), None):
            raise NotLiveError(why.format(file=file)) from error
        raise


def open_readonly(data: Path, *, snapshot_only: bool = False) -> Reading:
    """The database, or its snapshot while the sink writes. Raises ConfigError where there is nothing to read."""
    live, snapshot = data / LIVE, data / SNAPSHOT
    if not live.exists() and not snapshot.exists():
        raise ConfigError(f"{data}: no database there: start `handrail sink --data {data}` first, or give its folder")
    if not snapshot_only:
        try:
            return Reading(connect(live, read_only=True), live, None)
        except duckdb.IOException as error:
            if not snapshot.exists():
                advice = "there is no snapshot yet: try again in a moment"
                if "lock" not in str(error):
                    advice = "was it made by the sink?"
                raise ConfigError(f"{live}: {_first(error)}: {advice}") from error
    try:
        age_s = max(0.0, time.time() - snapshot.stat().st_mtime)
        return Reading(connect(snapshot, read_only=True), snapshot, age_s)
    except (duckdb.Error, OSError) as error:
        raise ConfigError(f"{snapshot}: {_first(error)}: is it readable, and made by this version?") from error


def _first(error: Exception) -> str:
    return str(error).splitlines()[0]


def _unique(names: list[str]) -> list[str]:
    """A name that stands twice gets a number, so that no column is lost in JSON."""
    return [name if name not in names[:at] else f"{name}_{names[:at].count(name)}" for at, name in enumerate(names)]
