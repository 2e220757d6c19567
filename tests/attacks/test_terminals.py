"""What customers, agents and forged records say cannot move a terminal, nor be run by a spreadsheet."""

import csv
import dataclasses
import io
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from handrail import printable
from handrail.cli.query import _cell
from handrail.desk import show
from handrail.desk.handoff_view import HandoffView
from handrail.doctor.line import Line, as_text
from tests import forks
from tests.book import Book
from tests.unit.desk.handoff_log import sample

ESC = (
    "\x1b]0;pwned\x07\x1b[2J\x1b[31mEVIL\x1b]52;c;ZXZpbA==\x07\x9b31m\x90q\x9c\x85\u202e\u2066\u200b\U000e0041\x7f\r\b"
)
ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with what attackers write."""
    folder = tmp_path_factory.mktemp("data")
    book = Book().at("2026-03-02 09:00:00")
    book.event("c-1", "query.received", text=f"hello {ESC}")
    book.event("c-2", "action.proposed", action_id="a1", tool=f"wire{ESC}", arguments={f"k{ESC}": ESC, "amount": 5})
    book.store(folder).close()
    return folder


@pytest.mark.parametrize("shape", ["table", "csv", "json"])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT text FROM events",
        "SELECT tool, record FROM events",
        "FROM events",
        "SELECT text AS {esc} FROM events",
        "SELECT [text] AS l, {{'a': text}} AS s, map {{text: 1}} AS m, encode(text) AS b FROM events WHERE text > ''",
    ],
)
def test_no_query_passes_on_what_a_terminal_acts_on(data: Path, sql: str, shape: str) -> None:
    asked = sql.replace("{esc}", f'"{ESC}"').replace("{{", "{").replace("}}", "}")
    found = forks.run("handrail", "query", asked, "--data", str(data), "--format", shape)
    assert found.returncode == 0, found.stderr
    assert not ACTS.search(found.stdout)
    assert "EVIL" in found.stdout or "k" in found.stdout
    if shape == "json":
        json.loads(found.stdout)


def test_json_stays_exact(data: Path) -> None:
    found = forks.run(
        "handrail", "query", "SELECT text FROM events WHERE text IS NOT NULL", "--data", str(data), "--format", "json"
    )
    assert json.loads(found.stdout) == [{"text": f"hello {ESC}"}]


def test_nor_does_what_is_refused(data: Path) -> None:
    for sql in (
        f"SELECT '{ESC}'::INTEGER",
        f'SELECT "{ESC}" FROM events',
        f"FROM '{ESC}'",
        "SELECT text::INTEGER FROM events",
    ):
        found = forks.run("handrail", "query", sql, "--data", str(data))
        assert found.returncode == 2
        assert not ACTS.search(found.stderr)


@pytest.mark.parametrize("number", range(0x110000 // 0x1000))
def test_every_character_that_acts_is_written_out(number: int) -> None:
    for code in range(number * 0x1000, (number + 1) * 0x1000):
        one = chr(code)
        shown = printable.plain(one)
        acts = unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") and one not in "\n\t"
        turns = unicodedata.bidirectional(one) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        if acts or turns:
            assert shown.isascii(), hex(code)
            assert shown.startswith("\\u"), hex(code)
        elif one.isprintable():
            assert shown == one
        if unicodedata.category(one) != "Cs":
            assert json.loads(f'"{printable.escaped(one)}"', strict=False) == one if one not in '"\\' else True


def poisoned(value: Any) -> Any:
    """The record with an escape in every text that is nobody's id for a computation."""
    if isinstance(value, str):
        return value if re.fullmatch(r"[0-9T:.Z-]+", value) else f"{value}{ESC}"
    if isinstance(value, dict):
        return {name: one if name == "what" else poisoned(one) for name, one in value.items()}
    return [poisoned(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("closed", [False, True])
def test_no_handoff_moves_the_terminal(closed: bool) -> None:
    record = poisoned(sample("handoff")["data"])
    for one in record["reasons"] if isinstance(record.get("reasons"), list) else []:
        one["code"] = "policy"
    claim = poisoned(sample("handoff.claimed")["data"])
    end = {"cause": f"resolved{ESC}"} if closed else None
    handoff = HandoffView(record, claim=claim, closed=end)
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=300)
    console.print(show.listing([handoff], 8, 0))
    show.full(console, handoff)
    assert "EVIL" in out.getvalue()
    assert not re.search(r"\x1b(?!\[[0-9;]*m)|\x1b\[31m|[\x07\x9b\x90\u202e]", out.getvalue())


def test_no_line_of_doctor_does() -> None:
    line = Line(
        *(
            ESC if field.type in ("str", str) and field.name != "status" else "warn"
            for field in dataclasses.fields(Line)
        )
    )
    shown = as_text(line).replace("\x1b[33m", "").replace("\x1b[0m", "")
    assert "EVIL" in shown
    assert not ACTS.search(shown)


FORMULAS = (
    "=cmd|' /C calc'!A0", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0", " =1+1",
    "\t=1+1",
    "\n=1+1", "\u00a0=1+1", "\u3000=1+1", "\r=1+1", "\t", "=HYPERLINK(\"http://x\",\"y\")", "+1-1", "-1+1", "--1",
    "=", "\uff1dSUM(1)",
    "\uff0b1+1", "\uff0dA1", "\uff20A1", "-A1", "+A1", "1\t=2"[1:], "\u200b=1+1", "\ufeff=1+1", "'=1", "\v=1",
    "\x1b=1", "\x00=1",
)  # fmt: skip
HONEST = (
    "-5",
    "-12.50",
    "+3",
    "1e5",
    "-1,234.5",
    "+491701234567",
    "hello",
    "a=b",
    "a-b",
    "2026-03-02",
    "x@y.z",
    "'quoted'",
    "",
    "#7",
)


@pytest.mark.parametrize("said", FORMULAS)
def test_what_a_spreadsheet_would_run_is_text(said: str) -> None:
    assert _cell(said).startswith(("'", "\\u")), "not the start of a formula"


@pytest.mark.parametrize("said", HONEST)
def test_what_it_would_not_run_stays(said: str) -> None:
    assert _cell(said) == said


def test_numbers_stay_numbers(data: Path) -> None:
    sql = "SELECT -5 AS a, -1.5::DECIMAL(9, 2) AS b, -1e300 AS c, '-5' AS d, '=1+1' AS \"=e\", -12::HUGEINT AS f"
    found = forks.run("handrail", "query", sql, "--data", str(data), "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(found))) == [
        ["a", "b", "c", "d", "'=e", "f"],
        ["-5", "-1.50", "-1e+300", "-5", "'=1+1", "-12"],
    ]
