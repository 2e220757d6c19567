"""`handrail doctor` without a broker: what it says, and that it always ends with a status."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from handrail.broker.ports import free_port
from handrail.cli import main
from handrail.streams.sink.database import LIVE
from tests.databases import open_store


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("BOOTSTRAP", "EMBEDDED", "HTTP_PORT", "DESK_PORT", "POLICIES", "DATA"):
        monkeypatch.delenv(f"HANDRAIL_{name}", raising=False)
    monkeypatch.setenv("HANDRAIL_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    return tmp_path


def doctor(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["doctor", *arguments])
    assert "Traceback" not in result.output
    return result


def lines(*arguments: str) -> list[dict[str, Any]]:
    report: list[dict[str, Any]] = json.loads(doctor(*arguments, "--json").stdout)["lines"]
    return report


def about(what: str, *arguments: str) -> list[dict[str, Any]]:
    return [line for line in lines(*arguments) if line["what"] == what]


def test_no_broker_is_wrong_and_it_is_said_what_to_do() -> None:
    result = doctor()
    assert result.exit_code == 1
    assert "nothing answers" in result.output
    assert "-> start one with `handrail up`, or give its address with --bootstrap HOST:PORT" in result.output
    assert result.output.splitlines()[-1].startswith("1 wrong, ")


@pytest.mark.parametrize("bootstrap", ["nonsense", "no.such.host.invalid:9092", "127.0.0.1:port"])
def test_an_address_that_is_none_is_a_line(bootstrap: str) -> None:
    (line,) = about("broker", "--bootstrap", bootstrap)
    assert line["status"] == "wrong"
    assert line["told"].startswith(f"{bootstrap}: ")


def test_each_setting_says_where_it_comes_from(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "handrail.yaml").write_text("group: shop\nworkers: 3\n")
    monkeypatch.setenv("HANDRAIL_SESSION_TIMEOUT_S", "7")
    messages = [line["told"] for line in about("setting", "--data", "here")]
    for expected in (
        "group = shop (handrail.yaml; worker)",
        "workers = 3 (handrail.yaml; up)",
        "session_timeout_s = 7 (HANDRAIL_SESSION_TIMEOUT_S; up, worker)",
        "data = here (--data; up, sink)",
        "commit_interval_s = 0.5 (default; worker)",
    ):
        assert expected in messages


def test_a_wrong_setting_is_wrong_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_SESSION_TIMEOUT_S", "long")
    result = doctor()
    assert result.exit_code == 1
    assert "HANDRAIL_SESSION_TIMEOUT_S or session_timeout_s in handrail.yaml: must be a valid number" in result.output
    monkeypatch.setenv("HANDRAIL_SESSION_TIMEOUT_S", "7")
    monkeypatch.setenv("HANDRAIL_WORKERS", "many")  # which only `up` reads
    assert "HANDRAIL_WORKERS or workers in handrail.yaml: must be a valid integer" in doctor().output


def test_each_mistake_in_the_policies_is_a_line(elsewhere: Path) -> None:
    (elsewhere / "rules").mkdir()
    (elsewhere / "rules" / "a.yaml").write_text("rules: 7\n")
    (elsewhere / "rules" / "limits.yaml").write_text("steps: 7\n")
    policy_lines = about("policies", "--policies", "rules")
    assert {line["status"] for line in policy_lines} == {"wrong"}
    assert {line["told"].split(":")[0] for line in policy_lines} == {"rules/a.yaml", "rules/limits.yaml"}


def test_a_folder_that_does_not_exist_is_a_warning_and_one_that_is_a_file_is_wrong(elsewhere: Path) -> None:
    assert about("data", "--data", "none")[0]["status"] == "warn"
    (elsewhere / "file").write_text("")
    assert about("data", "--data", "file")[0]["status"] == "wrong"


def test_a_database_is_described_and_a_broken_one_is_wrong(elsewhere: Path) -> None:
    open_store(elsewhere / "data" / LIVE).close()
    (line,) = about("database", "--data", "data")
    assert (line["status"], line["told"]) == ("ok", f"data/{LIVE}: no sink holds it; 0 events")
    (elsewhere / "data" / LIVE).write_text("no database")
    (line,) = about("database", "--data", "data")
    assert line["status"] == "wrong"


def test_an_endpoint_that_does_not_answer_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_HTTP", f"127.0.0.1:{free_port()}")
    (line,) = about("http")
    assert line["status"] == "wrong"
