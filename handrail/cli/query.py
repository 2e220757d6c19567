"""`handrail query`: ask the analytics database."""

import csv
import re
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from handrail import printable
from handrail.cli.errors import WRONG_USE, explained, fail

if TYPE_CHECKING:
    import duckdb
    from rich.table import Table

    from handrail.streams.sink.reading import NotLiveError, QueryResult, Reading

READ_ONLY = "What is stored is only read: write to a file, COPY (SELECT …) TO 'file.parquet' with --external."
INSIDE = "a query reads what the sink has stored and nothing else: --external lets it reach other files and the net"
NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?")
FORMULA = re.compile(r"[\t\r]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|'\s*[=+\-@]")
WIDEST = 100_000  # characters of a table in a file or a pipe
NUMERIC = (
    "DECIMAL", "DOUBLE", "FLOAT", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
)  # fmt: skip


@click.command()
@click.argument("sql")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database, as given to the sink. [default: handrail-data]",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="csv has a header; json is an array of objects.",
)
@click.option("--snapshot", is_flag=True, help="Ask the latest snapshot, also where the sink could answer live.")
@click.option(
    "--external",
    is_flag=True,
    help="Let the query read and write other files and the net, as you may: for COPY … TO. Never for SQL of others.",
)
@click.option(
    "--timeout-s",
    type=click.FloatRange(min=0, min_open=True, max=24 * 3600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="End the query then.",
)
@explained
def query(sql: str, data: Path | None, shape: str, snapshot: bool, external: bool, timeout_s: float) -> None:
    """Run one SQL query over what the sink has stored; nothing can be changed, and no other file be read.

    The running sink answers (standard error says `live`) what looks through one table or view, or else its latest
    snapshot (standard error says how old it is, and why). Where no sink runs, the database itself is read. More than
    2 GB of memory, a million rows or the time limit ends it.

    \b
    Tables, one row a record:
      events decisions reasons handoffs resolutions alerts feedback scores
      deadletters unreadable
    Views, what is asked most:
      conversations      one row a conversation: cost, CSAT, claimed and verified
      daily_quality      the same by day, agent, intent, model and who handled it
      drift_daily        each measure beside its baseline and the day before
      rules              how often each fired, was overruled, was regretted
      handoff_quality    by day and queue: needed, complete, answered, how fast
      always_a_human     who asked for a person, who got one, how long it took
      spend              by day, agent and model: calls, tokens, dollars

    \b
    Examples:
      handrail query "SELECT * FROM daily_quality ORDER BY day" --data handrail-data
      handrail query "SELECT rule_id, fired, shadow, overridden FROM rules" --format csv
      handrail query "SUMMARIZE conversations" --snapshot
    """
    answer = _ask(sql, data, timeout_s, snapshot=snapshot, external=external)
    {"table": _table, "csv": _csv, "json": _json}[shape](answer)


def _ask(sql: str, data: Path | None, timeout_s: float, *, snapshot: bool, external: bool) -> "QueryResult":
    import duckdb

    from handrail.streams.sink.reading import NotLiveError, ask, ask_live, open_readonly, within_memory
    from handrail.streams.sink.settings import SinkSettings

    folder = SinkSettings.of({"data": data}).data
    within_memory()
    try:
        try:
            if not snapshot:
                answer = ask_live(folder, sql, timeout_s)
                click.echo("live", err=True)
                return answer
        except NotLiveError as error:
            why: NotLiveError | None = error
        else:
            why = None
        with _opened(open_readonly(folder, snapshot_only=why is None, external=external), why) as connection:
            return ask(connection, sql, timeout_s=timeout_s)
    except duckdb.Error as error:
        fail(f"query: {_line(error)}", WRONG_USE)
    except MemoryError:
        fail("query: Out of Memory: the answer takes more than 2 GB: narrow it", WRONG_USE)


def _opened(reading: "Reading", why: "NotLiveError | None") -> "duckdb.DuckDBPyConnection":
    """The connection to a file. `why`: the reason that the sink does not answer; None where it was not asked."""
    because = "" if why is None else f": {why}"
    if reading.age_s is not None:
        click.echo(f"snapshot of {reading.age_s:.0f} s ago{because}", err=True)
    elif why is not None and why.served:
        click.echo(f"the database itself, which no sink has open{because}", err=True)
    return reading.connection


def _line(error: Exception) -> str:
    """What DuckDB says, without its drawing of where."""
    message = re.split(r"\nLINE \d+:", str(error))[0].removeprefix("Invalid Input Error: ")
    line = " ".join(line.strip() for line in message.splitlines() if line.strip())
    if any(phrase in line for phrase in ("disabled by configuration", "configuration has been locked")):
        return f"{line.split('!')[0]}: {INSIDE}"
    return f"{line} {READ_ONLY}" if "read-only mode" in line else line


def _table(answer: "QueryResult") -> None:
    """As wide as it is for a file or a pipe; on a terminal that is too narrow for it, one block for each row."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(soft_wrap=False)
    table = _grid(answer)
    width = Measurement.get(console, console.options.update(max_width=WIDEST), table).maximum
    if not console.is_terminal:
        console.width = max(width, console.width)
    if width <= console.width:
        console.print(table)
        return
    names = [_shown(name) for name in answer.names]
    longest = max(map(len, names), default=0)
    for number, row in enumerate(answer.rows):
        click.echo("" if number == 0 else "-" * (longest + 2))
        for name, value in zip(names, row, strict=True):
            click.echo(f"{name:>{longest}}  {'' if value is None else _shown(value)}".rstrip())


def _grid(answer: "QueryResult") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    for name, kind in zip(answer.names, answer.types, strict=True):
        numeric = kind.startswith(NUMERIC) and not kind.endswith("]")
        table.add_column(Text(_shown(name)), justify="right" if numeric else "left", overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text("" if value is None else _shown(value)) for value in row))
    return table


def _csv(answer: "QueryResult") -> None:
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(map(_cell, answer.names))
    out.writerows([None if value is None else _cell(value) for value in row] for row in answer.rows)


def _json(answer: "QueryResult") -> None:
    rows = [
        {
            name: orjson.Fragment(value.replace("\r", " ")) if kind == "JSON" and value is not None else value
            for name, kind, value in zip(answer.names, answer.types, row, strict=True)
        }
        for row in answer.rows
    ]
    options = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    sys.stdout.write(printable.escaped(orjson.dumps(rows, default=_plain, option=options).decode()))


def _cell(value: Any) -> str:
    """A value that no spreadsheet takes for a formula: with a quote before it, unless it is a number."""
    shown = _shown(value)
    numeric = isinstance(value, int | float | Decimal) or NUMBER.fullmatch(shown)
    return shown if numeric or not FORMULA.match(shown) else f"'{shown}"


def _shown(value: Any) -> str:
    """A value as text that cannot move a terminal's cursor: times in RFC 3339, nested values in JSON."""
    return printable.plain(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if value.is_integer() else repr(value)
    return str(_plain(value))


def _plain(value: Any) -> Any:
    """What JSON has no word for. Money stays exact: a decimal in a string."""
    if isinstance(value, Decimal | date | time | timedelta):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value if isinstance(value, str | int | float | bool) else str(value)
