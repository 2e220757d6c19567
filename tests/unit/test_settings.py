"""Settings: where they come from, and one line for each that is wrong."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from handrail.cli import main
from handrail.desk.web.security.settings import SecuritySettings
from handrail.schemas.errors import ConfigError
from handrail.streams.engine.settings import WorkerSettings
from handrail.streams.sink.settings import SinkSettings


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
    settings = WorkerSettings.of({"bootstrap": "option:1", "group": None})
    assert (settings.bootstrap, settings.group, settings.session_timeout_s) == ("option:1", "environment", 7)


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


BROKEN = {
    "bootstrap: [1\n": "handrail.yaml:2: is not YAML: while parsing a flow sequence",
    "- a\n": "handrail.yaml:1: is not a mapping: write `name: value` lines",
    "just text\n": "handrail.yaml:1: is not a mapping: write `name: value` lines",
    "bootstrap: 7\n": "handrail.yaml:1: bootstrap: must be a valid string, got 7",
    "\nsnapshot_s: off\n": "handrail.yaml:2: snapshot_s: must be a valid number, unable to parse",
    "snapshot_s: 1:30\n": "handrail.yaml:1: snapshot_s: must be a valid number, unable to parse",
    "# spare\nsnapshot_s: 08\n": "handrail.yaml:2: snapshot_s: is a number with a leading zero: write 8, or ",
    "snapshot_s: 1\nhttp: 9\nsnapshot_s: 2\n": "handrail.yaml:1: snapshot_s: stands twice, again on line 3: remove one",
    "bootstrap: a:1\n\tgroup: b\n": "handrail.yaml:2: is not YAML: ",
    "bootstrap: &a a:1\n": "handrail.yaml:1: bootstrap: has the anchor &a: write the value out where it is needed",
    "bootstrap: a:1\n---\n": "handrail.yaml:2: a second document begins: one file holds one document",
    "#" * 100_001: "handrail.yaml: has 100001 characters, at most 100000 are read",
}


@pytest.mark.parametrize(("text", "line"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_broken_file_is_one_line_that_names_file_and_line(elsewhere: Path, text: str, line: str) -> None:
    (elsewhere / "handrail.yaml").write_text(text)
    ended = CliRunner().invoke(main, ["sink"])
    assert ended.exit_code == 2
    assert ended.output.startswith(line)
    assert ended.output.count("\n") == 1


def test_a_file_that_is_no_text_is_one_line(elsewhere: Path) -> None:
    (elsewhere / "handrail.yaml").write_bytes(b"group: \xff")
    ended = CliRunner().invoke(main, ["sink"])
    assert (ended.exit_code, ended.output.count("\n")) == (2, 1)
    assert ended.output.startswith("handrail.yaml: 'utf-8' codec can't decode")


@pytest.mark.parametrize("word", ["no", "off", "yes", "on", "1_000", "2026-11-23"])
def test_words_stay_text_where_text_is_asked_for(elsewhere: Path, word: str) -> None:
    (elsewhere / "handrail.yaml").write_text(f"group: {word}\n")
    assert WorkerSettings.of({}).group == word


@pytest.mark.parametrize(("word", "value"), [("no", False), ("off", False), ("on", True), ("true", True)])
def test_words_are_switches_where_a_switch_is_asked_for(elsewhere: Path, word: str, value: bool) -> None:
    (elsewhere / "handrail.yaml").write_text(f"live: {word}\n")
    assert SinkSettings.of({}).live is value


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "null\n"])
def test_an_empty_file_sets_nothing(elsewhere: Path, text: str) -> None:
    (elsewhere / "handrail.yaml").write_text(text)
    assert WorkerSettings.of({}) == WorkerSettings()


def test_a_number_with_a_point_is_a_float(elsewhere: Path) -> None:
    (elsewhere / "handrail.yaml").write_text("session_timeout_s: 7.5\n")
    value = WorkerSettings.of({}).session_timeout_s
    assert (type(value), value) == (float, 7.5)
    (elsewhere / "handrail.yaml").write_text("session_timeout_s: 0.5\n")
    with pytest.raises(ConfigError, match=r"^handrail.yaml:1: session_timeout_s: must be .* 1, got 0\.5$"):
        WorkerSettings.of({})


def test_a_variable_that_is_no_json_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_OIDC_ROLES", "{agents")
    with pytest.raises(ConfigError, match=r'^error parsing value for field "oidc_roles" .*: write it as JSON$'):
        SecuritySettings.of({})
