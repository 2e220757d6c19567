"""What becomes of calls where Handrail cannot be asked, or cannot answer."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from handrail.broker import EmbeddedBroker
from handrail.broker.ports import HOST, free_port
from handrail.mcp.calls import CALLS_MAX
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.keys import new_key, public_path
from tests import forks
from tests.mcp.conftest import Place
from tests.mcp.proxies import HANDRAIL_MCP, Proxy, call, ping, proxy, recorded


def refused(session: Proxy, number: int) -> dict[str, object]:
    """A call that is not made, and why."""
    result = session.ask(call(number, "get_order", order_id=str(number)))["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"].startswith("I can't do that right now")
    assert session.got == [] or all(b"tools/call" not in line for line in session.got)
    rows: dict[str, object] = result["structuredContent"]
    return rows


def test_without_kafka_the_session_works_and_each_call_is_refused(tmp_path: Path) -> None:
    away = f"{HOST}:{free_port()}"
    with proxy(tmp_path, away, "--timeout-s", "0.5") as session:
        assert session.ask(ping(1))["id"] == 1
        assert refused(session, 2) == {
            "refused": "Unreachable",
            "verdict": None,
            "decision_id": None,
            "handoff_id": None,
        }
        session.say([call(3, "refund"), call(4, "refund")])
        assert {answer["id"] for answer in session.answer() if answer["result"]["isError"]} == {3, 4}
        assert session.leave() == 0
    assert "calls are refused: Kafka at" in session.stderr()


def test_calls_under_way_have_a_bound(tmp_path: Path) -> None:
    with proxy(tmp_path, f"{HOST}:{free_port()}", "--timeout-s", "5") as session:
        session.say(*(call(number, "get_order") for number in range(CALLS_MAX + 1)))
        first = session.answer()
        assert (first["id"], first["error"]["code"]) == (CALLS_MAX, -32600)
        assert all(session.answer()["result"]["isError"] for _ in range(CALLS_MAX))
        assert session.got == []
        session.leave()


@pytest.mark.kafka
def test_without_a_worker_no_decision_comes_and_nothing_is_called(embedded: str, tmp_path: Path) -> None:
    asyncio.run(ensure_topics(embedded))
    with proxy(tmp_path, embedded, "--timeout-s", "2") as session:
        assert refused(session, 1)["refused"] == "NoDecision"
        session.leave()


@pytest.mark.kafka
def test_when_kafka_comes_back_the_same_session_goes_on(handrail: Place, tmp_path: Path) -> None:
    """The address is that of nobody first, then that of a broker with topics: the connection is tried anew."""
    port = free_port()
    with proxy(tmp_path, f"{HOST}:{port}", "--timeout-s", "1") as session:
        assert refused(session, 1)["refused"] == "Unreachable"
        with EmbeddedBroker(port=port) as broker:
            asyncio.run(ensure_topics(broker.bootstrap))
            session.wait(lambda: refused(session, 2)["refused"] == "NoDecision")
        session.leave()


@pytest.mark.kafka
def test_a_gate_claims_each_decision_before_the_server_gets_the_call(handrail: Place, tmp_path: Path) -> None:
    store = tmp_path / "claims.sqlite"
    options = ("--gate", str(store), "--keys", str(handrail.public_key))
    with proxy(tmp_path, handrail.bootstrap, *options) as session:
        session.ask(call(1, "get_order", order_id="A-1"))
        session.ask(call(2, "say_error"))
        session.say(call(3, "silent"))
        session.wait(lambda: len(session.got) == 3)
        with sqlite3.connect(store) as file:
            rows = file.execute("SELECT tool, outcome FROM claims ORDER BY claimed_ms").fetchall()
        file.close()
        session.leave()
    assert rows == [("get_order", "ok"), ("say_error", "error"), ("silent", None)]


@pytest.mark.kafka
def test_a_gate_lets_nothing_through_that_another_key_signed(handrail: Place, tmp_path: Path) -> None:
    new_key(tmp_path / "other.key")
    options = ("--gate", str(tmp_path / "claims.sqlite"), "--keys", str(public_path(tmp_path / "other.key")))
    with proxy(tmp_path, handrail.bootstrap, *options) as session:
        assert session.ask(call(1, "get_order"))["result"]["structuredContent"]["refused"] == "GateRefused"
        assert session.got == []
        session.leave()


@pytest.mark.kafka
async def test_names_come_from_the_environment_too(
    handrail: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_AGENT_ID", "files")
    monkeypatch.setenv("HANDRAIL_CONVERSATION", "environment")
    monkeypatch.setenv("HANDRAIL_TENANT", "north")
    with proxy(tmp_path, handrail.bootstrap) as session:
        session.ask(call(1, "get_order"))
        session.leave()
    (executed,) = await recorded(handrail.bootstrap, "environment", "action.executed")
    assert (executed["agent_id"], executed["tenant"]) == ("files", "north")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--", "no-such-server"], "no-such-server: No such file or directory"),
        (["--bootstrap", "nowhere", "--", "true"], "must be HOST:PORT"),
        (["--conversation", "control", "--", "true"], "--agent-id, --conversation, --tenant:"),
        (["--gate", "claims.sqlite", "--", "true"], "give both or none"),
        (["--gate", "claims.sqlite", "--keys", "none.pub", "--", "true"], "none.pub"),
        ([], "Missing argument"),
    ],
)
def test_wrong_use_is_one_line_and_exit_status_2(arguments: list[str], said: str) -> None:
    done = forks.run("handrail", "mcp", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_options_behind_the_command_are_the_servers(tmp_path: Path) -> None:
    away = f"{HOST}:{free_port()}"
    served = ("sh", "-c", 'echo "$1"; exit 4', "-", "--gate")
    done = forks.run("handrail", "mcp", "--bootstrap", away, "--timeout-s", "0.2", *served)
    assert (done.returncode, done.stdout) == (4, "--gate\n")


def test_a_client_that_reads_nothing_any_more_has_ended_the_session(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    command = [*HANDRAIL_MCP, "--bootstrap", f"{HOST}:{free_port()}", "--timeout-s", "0.2", "--", "sleep", "60"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    os.close(reading)
    with process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(call(1, "get_order")).encode() + b"\nnot json\n")
        process.stdin.flush()
        assert process.wait(30) == 128 + signal.SIGTERM
        assert b"Traceback" not in process.stderr.read()


def test_a_server_may_be_fed_from_a_file(tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps(ping(1)))  # without the end of the line
    away = f"{HOST}:{free_port()}"
    with lines.open() as read, (tmp_path / "out").open("wb") as out:
        command = [*HANDRAIL_MCP, "--bootstrap", away, "--timeout-s", "0.2", "--", "cat"]
        assert subprocess.run(command, stdin=read, stdout=out, stderr=subprocess.DEVNULL).returncode == 0
    assert (tmp_path / "out").read_text() == json.dumps(ping(1)) + "\n"
