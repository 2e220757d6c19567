"""The bounds that the page names are those of the code."""

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bounds.md"
ROW = re.compile(r"^\| ([^|]+) \| ([\d,.]+(?: h)?) \| `([\w/]+)\.py` `([\w.]+)` \|", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text())
UNITS = {"h": 3_600_000}


def test_every_row_of_the_page_is_read() -> None:
    told = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "`" in line]
    assert len(ROWS) == len(told)


@pytest.mark.parametrize(("what", "value", "module", "name"), ROWS, ids=[row[3] + " " + row[2] for row in ROWS])
def test_a_bound_is_as_stated(what: str, value: str, module: str, name: str) -> None:
    package = module.replace("/", ".")
    found = import_module(package if package.startswith("handrail.") else f"handrail.{package}")
    for part in name.split("."):
        found = getattr(found, part)
    number, _, unit = value.partition(" ")
    assert found == float(number.replace(",", "")) * UNITS.get(unit, 1), what
