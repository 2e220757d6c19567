"""Settings: where they come from, and one line for each that is wrong."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from handrail.cli import main
from handrail.streams.engine.settings import WorkerSettings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_option_wins_over_the_environment_and_that_over_the_file(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "handrail.yaml").write_text("bootstrap: file:1\ngroup: file\nsession_timeout_s: 7\n")
    monkeypatch.setenv("HANDRAIL_BOOTSTRAP", "environment:1")
    monkeypatch.setenv("HANDRAIL_GROUP", "environment")
    found = WorkerSettings.of({"bootstrap": "option:1", "group": None})
    assert (found.bootstrap, found.group, found.session_timeout_s) == ("option:1", "environment", 7)


def test_the_help_states_the_defaults_that_hold() -> None:
    shown = CliRunner().invoke(main, ["worker", "--help"]).output
    shown = " ".join(shown.split())
    defaults = WorkerSettings.of({})
    for value in (defaults.bootstrap, defaults.group, f"{defaults.session_timeout_s:g}"):
        assert f"[default: {value}]" in shown


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["worker", "--session-timeout-s", "0.9"], "--session-timeout-s: must be greater than or equal to 1, got 0.9"),
        (["worker", "--bootstrap", ""], "--bootstrap: String should have at least 1 character, got ''"),
        (["sink", "--snapshot-s", "-1"], "--snapshot-s: must be greater than 0, got -1.0"),
        (["demo", "--data", "taken/x"], "taken/x: Not a directory: give --data a folder that can be written"),
        (["replay", "none.jsonl"], "File 'none.jsonl' does not exist"),
    ],
)
def test_a_wrong_option_is_one_line_and_wrong_use(elsewhere: Path, arguments: list[str], line: str) -> None:
    (elsewhere / "taken").write_text("a file, not a folder")
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 2
    assert line in ended.output
    assert "Traceback" not in ended.output


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_SESSION_TIMEOUT_S", "long")
    ended = CliRunner().invoke(main, ["worker"])
    assert ended.exit_code == 2
    assert ended.output.startswith(
        "HANDRAIL_SESSION_TIMEOUT_S or session_timeout_s in handrail.yaml: must be a valid number"
    )


@pytest.mark.parametrize("text", ["bootstrap: [1\n", "- a\n", "bootstrap: 7\n", "just text\n"])
def test_a_broken_file_is_one_line_that_names_it(elsewhere: Path, text: str) -> None:
    (elsewhere / "handrail.yaml").write_text(text)
    ended = CliRunner().invoke(main, ["sink"])
    assert ended.exit_code == 2
    assert "handrail.yaml" in ended.output
    assert ended.output.count("\n") == 1
