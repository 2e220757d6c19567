"""`handrail query`, as it is typed."""

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from handrail.streams.sink.reading import open_readonly
from tests import forks
from tests.book import Book, reason

SQL = (
    "SELECT conversation_id AS conversation, steps, ai_cost_usd, duration_s, csat, claimed_resolved AS resolved, "
    "started_at, started_at::DATE AS day FROM conversations"
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A database with one conversation."""
    book = Book().at("2026-03-02 09:00:00")
    asked = book.event("c-1", "query.received", text='she said "no", twice')
    book.decision(asked, "route", cost_usd="0.0412", reasons=[reason("policy", evidence={"value": 900})])
    book.store(tmp_path).close()
    return tmp_path


def ask(data: Path, sql: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return forks.run("handrail", "query", sql, "--data", str(data), *options)


def test_json_is_an_array_of_objects_with_exact_money(data: Path) -> None:
    found = ask(data, SQL, "--format", "json")
    assert (found.returncode, found.stderr) == (0, "")
    assert json.loads(found.stdout) == [
        {
            "conversation": "c-1",
            "steps": 0,
            "ai_cost_usd": "0.041200",
            "duration_s": 0.0,
            "csat": None,
            "resolved": None,
            "started_at": "2026-03-02T09:00:00Z",
            "day": "2026-03-02",
        }
    ]


def test_json_shows_what_is_json_as_it_is(data: Path) -> None:
    nested = "[now() < '2020-01-01'] AS list, {'a': 1.5::DECIMAL(3, 2)} AS struct"
    sql = f"SELECT evidence, {nested}, 1 AS n, 2 AS n FROM reasons"
    assert json.loads(ask(data, sql, "--format", "json").stdout) == [
        {"evidence": {"value": 900}, "list": [False], "struct": {"a": "1.50"}, "n": 1, "n_1": 2}
    ]


def test_csv_has_a_header_and_quotes_what_needs_it(data: Path) -> None:
    sql = "SELECT text, TRUE AS yes, NULL AS nothing, log_time, cost_usd FROM events"
    assert list(csv.reader(io.StringIO(ask(data, sql, "--format", "csv").stdout))) == [
        ["text", "yes", "nothing", "log_time", "cost_usd"],
        ['she said "no", twice', "true", "", "2026-03-02T09:00:00Z", ""],
    ]


def test_a_table_is_as_wide_as_its_rows(data: Path) -> None:
    found = ask(data, f"SELECT '{'x' * 300}' AS wide, * FROM daily_quality").stdout.splitlines()
    assert len(found) == 3
    assert "x" * 300 in found[2]
    assert "deflection_verified" in found[0]


def test_no_rows_are_an_answer(data: Path) -> None:
    for shape, expected in (("json", "[]"), ("csv", "alert_id"), ("table", "alert_id")):
        found = ask(data, "SELECT alert_id FROM alerts", "--format", shape)
        assert found.returncode == 0
        assert found.stdout.split()[0] == expected


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nope", "nope does not exist"),
        ("SELECT 1 +", "syntax error"),
        ("", "nothing was asked"),
        ("SELECT CAST('x' AS INTEGER)", "Could not convert"),
    ],
)
def test_a_mistake_in_the_query_is_one_line_and_exit_2(sql: str, says: str, data: Path) -> None:
    found = ask(data, sql)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("query: ")
    assert says in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("sql", ["DELETE FROM events", "CREATE TABLE t (i INTEGER)", "DROP VIEW conversations"])
def test_nothing_can_be_changed(sql: str, data: Path) -> None:
    found = ask(data, sql)
    assert found.returncode == 2
    assert "read-only mode! What is stored is only read: write to a file" in found.stderr
    with open_readonly(data).connection as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


def test_an_answer_can_be_kept_as_a_file(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    assert ask(data, f"COPY (SELECT type FROM events) TO '{file}'", "--external").returncode == 0
    assert ask(data, f"SELECT count(*) AS n FROM '{file}'", "--external", "--format", "csv").stdout == "n\n1\n"


def test_what_is_no_database_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "handrail.duckdb").write_text("hello")
    found = ask(tmp_path, "SELECT 1")
    assert found.returncode == 2
    assert found.stderr.endswith("not a valid DuckDB database file!: was it made by the sink?\n")
    assert found.stderr.count("\n") == 1


def test_without_a_database_one_line_says_what_to_do(tmp_path: Path) -> None:
    found = ask(tmp_path, "SELECT 1")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == (
        f"{tmp_path}: no database there: start `handrail sink --data {tmp_path}` first, or give its folder\n"
    )
