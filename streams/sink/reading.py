"""The analytics database for those who only read: live where no process writes it, else its snapshot."""

import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from handrail.schemas.errors import ConfigError
from handrail.streams.sink.database import LIVE, SNAPSHOT, connect


@dataclass(frozen=True)
class Reading:
    """A connection that cannot write. `age_s` is how old the snapshot is; None for the live database."""

    connection: duckdb.DuckDBPyConnection
    path: Path
    age_s: float | None


def open_readonly(data: Path) -> Reading:
    """The live database, or its snapshot while the sink writes. Raises ConfigError where there is nothing to read."""
    live, snapshot = data / LIVE, data / SNAPSHOT
    if not live.exists() and not snapshot.exists():
        raise ConfigError(f"{data}: no database there: start `handrail sink --data {data}` first, or give its folder")
    try:
        return Reading(connect(live, read_only=True), live, None)
    except duckdb.IOException as error:
        if not snapshot.exists():
            raise ConfigError(
                f"{live}: {_first(error)}: and there is no snapshot yet: try again in a moment"
            ) from error
    try:
        age_s = max(0.0, time.time() - snapshot.stat().st_mtime)
        return Reading(connect(snapshot, read_only=True), snapshot, age_s)
    except (duckdb.Error, OSError) as error:
        raise ConfigError(f"{snapshot}: {_first(error)}: is it readable, and made by this version?") from error


def _first(error: Exception) -> str:
    return str(error).splitlines()[0]
