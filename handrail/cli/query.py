"""`handrail query`: ask the analytics database."""

import csv
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import orjson

from handrail.cli.errors import WRONG_USE, explained, fail

if TYPE_CHECKING:
    from rich.table import Table

WIDEST = 100_000  # characters of a table in a file or a pipe
NUMERIC = (
    "DECIMAL", "DOUBLE", "FLOAT", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
)  # fmt: skip


class Answer(NamedTuple):
    """Column names, their DuckDB types, and the rows."""

    names: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


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
@explained
def query(sql: str, data: Path | None, shape: str) -> None:
    """Run one SQL query over what the sink has stored; nothing can be changed.

    Reads the live database, or, while the sink holds it, the latest snapshot; standard error says how old that is.
    Tables: events decisions reasons handoffs resolutions alerts feedback scores deadletters unreadable.
    Views: conversations daily_quality.

    \b
    Examples:
      handrail query "SELECT * FROM daily_quality ORDER BY day" --data handrail-data
      handrail query "SELECT rule_id, count(*) FROM reasons WHERE action = 'block' GROUP BY 1" --format csv
    """
    answer = _ask(sql, data)
    {"table": _table, "csv": _csv, "json": _json}[shape](answer)


def _ask(sql: str, data: Path | None) -> Answer:
    import duckdb

    from handrail.streams.sink.reading import open_readonly
    from handrail.streams.sink.settings import SinkSettings

    reading = open_readonly(data or SinkSettings().data)
    if reading.age_s is not None:
        click.echo(f"snapshot of {reading.age_s:.0f} s ago: the sink holds the live database", err=True)
    with reading.connection as connection:
        try:
            found = connection.execute(sql)
            if found is None or found.description is None:
                fail("query: nothing was asked: give one SQL query", WRONG_USE)
            columns = [(name, str(kind)) for name, kind, *_ in found.description]
            rows = found.fetchall()
        except duckdb.Error as error:
            fail(f"query: {_line(error)}", WRONG_USE)
    return Answer(_unique([name for name, _ in columns]), [kind for _, kind in columns], rows)


def _unique(names: list[str]) -> list[str]:
    """A name that stands twice gets a number, so that no column is lost in JSON."""
    return [name if name not in names[:at] else f"{name}_{names[:at].count(name)}" for at, name in enumerate(names)]


def _line(error: Exception) -> str:
    """What DuckDB says, without its drawing of where."""
    lines = (line.strip() for line in str(error).split("LINE 1:")[0].splitlines())
    return " ".join(line for line in lines if line)


def _table(answer: Answer) -> None:
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
    longest = max(map(len, answer.names), default=0)
    for number, row in enumerate(answer.rows):
        click.echo("" if number == 0 else "-" * (longest + 2))
        for name, value in zip(answer.names, row, strict=True):
            click.echo(f"{name:>{longest}}  {'' if value is None else _shown(value)}".rstrip())


def _grid(answer: Answer) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    for name, kind in zip(answer.names, answer.types, strict=True):
        numeric = kind.startswith(NUMERIC) and not kind.endswith("]")
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text("" if value is None else _shown(value)) for value in row))
    return table


def _csv(answer: Answer) -> None:
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(answer.names)
    out.writerows([None if value is None else _shown(value) for value in row] for row in answer.rows)


def _json(answer: Answer) -> None:
    rows = [
        {
            name: orjson.Fragment(value) if kind == "JSON" and value is not None else value
            for name, kind, value in zip(answer.names, answer.types, row, strict=True)
        }
        for row in answer.rows
    ]
    options = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    sys.stdout.write(orjson.dumps(rows, default=_plain, option=options).decode())


def _shown(value: Any) -> str:
    """A value as text: times in RFC 3339, nested values in JSON."""
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
