"""Ways to put a batch into DuckDB without pyarrow and pandas, and the whole sink. Rows a second, best of three.

.venv/bin/python -m benchmarks.sink_inserts
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import orjson

from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.sink.stage import stage
from handrail.streams.sink.store import Store

COUNT, FEW, TIMES = 20_000, 1_000, 3
COLUMNS = {
    "ms": "BIGINT",
    "id": "VARCHAR",
    "type": "VARCHAR",
    "agent": "VARCHAR",
    "tool": "VARCHAR",
    "record": "VARCHAR",
}
Row = tuple[int, str, str, str, str, str]


def event(number: int) -> bytes:
    """An event of 500 bytes."""
    data = {
        "agent_id": "refunds",
        "conversation_id": f"conv-{number // 10}",
        "execution_id": f"conv-{number // 10}/1",
        "tenant": "default",
        "action_id": f"a{number}",
        "tool": "issue_refund",
        "arguments": {"order_id": "#W1234567", "amount": 50 + number % 7, "note": "the mug arrived broken"},
        "customer": {"ref": f"cust-{number % 50}", "tier": "gold"},
        "model": {"provider": "demo", "name": "gpt-4.1-mini"},
    }
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"e{number}",
            "source": "/agents/refunds",
            "type": "handrail.action.proposed.v1",
            "subject": f"conv-{number // 10}",
            "time": "2026-11-23T10:15:02.412Z",
            "data": data,
        }
    )


def row(number: int, value: bytes) -> Row:
    """Six columns of an event."""
    fields = orjson.loads(value)
    return number, fields["id"], fields["type"], fields["data"]["agent_id"], fields["data"]["tool"], value.decode()


def executemany(connection: duckdb.DuckDBPyConnection, rows: list[Row], folder: Path) -> None:
    """One INSERT a row."""
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rows)


def lists(connection: duckdb.DuckDBPyConnection, rows: list[Row], folder: Path) -> None:
    """One list a column, unnested."""
    unnested = ", ".join(f"unnest(?::{kind}[])" for kind in COLUMNS.values())
    connection.execute(f"INSERT INTO t SELECT {unnested}", [list(column) for column in zip(*rows, strict=True)])


def json_parameter(connection: duckdb.DuckDBPyConnection, rows: list[Row], folder: Path) -> None:
    """One parameter with all rows in JSON."""
    shape = orjson.dumps([COLUMNS]).decode()
    dicts = orjson.dumps([dict(zip(COLUMNS, values, strict=True)) for values in rows]).decode()
    connection.execute(f"INSERT INTO t SELECT unnest(from_json(?, '{shape}'), recursive := true)", [dicts])


def json_lines(connection: duckdb.DuckDBPyConnection, rows: list[Row], folder: Path) -> None:
    """A file of JSON lines."""
    file = folder / "rows.jsonl"
    with file.open("wb") as out:
        for values in rows:
            out.write(orjson.dumps(dict(zip(COLUMNS, values, strict=True)), option=orjson.OPT_APPEND_NEWLINE))
    connection.execute(
        f"INSERT INTO t SELECT * FROM read_json(?, format = 'newline_delimited', columns = {COLUMNS})", [str(file)]
    )


def once(way: Callable[[duckdb.DuckDBPyConnection, list[Row], Path], None], rows: list[Row]) -> float:
    """Seconds to store the rows in one transaction, in a new database."""
    folder = Path(tempfile.mkdtemp())
    try:
        with duckdb.connect(str(folder / "t.duckdb")) as connection:
            connection.execute(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
            started = time.perf_counter()
            connection.execute("BEGIN")
            way(connection, rows, folder)
            connection.execute("COMMIT")
            return time.perf_counter() - started
    finally:
        shutil.rmtree(folder)


def whole(records: list[Record]) -> float:
    """Seconds of the sink's own work: read each record strictly, write the batch, store events with all columns."""
    folder = Path(tempfile.mkdtemp())
    try:
        store = Store.open(folder / "t.duckdb")
        started = time.perf_counter()
        store.write("c", [stage(record, {}) for record in records], {(AGENT_EVENTS, 0): len(records)})
        passed = time.perf_counter() - started
        store.close()
        return passed
    finally:
        shutil.rmtree(folder)


def main() -> None:
    values = [event(number) for number in range(COUNT)]
    rows = [row(number, value) for number, value in enumerate(values)]
    for way, used in ((executemany, rows[:FEW]), (lists, rows), (json_parameter, rows), (json_lines, rows)):
        best = min(once(way, used) for _ in range(TIMES))
        sys.stdout.write(f"{way.__doc__:45} {len(used) / best:>9,.0f} rows/s\n")
    records = [Record(AGENT_EVENTS, 0, number, number, b"k", value) for number, value in enumerate(values)]
    best = min(whole(records) for _ in range(TIMES))
    sys.stdout.write(f"{'The sink: 43 columns from JSON lines':45} {COUNT / best:>9,.0f} rows/s\n")


if __name__ == "__main__":
    main()
