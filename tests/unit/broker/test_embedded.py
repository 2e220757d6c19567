"""The embedded broker's process: how it comes up, what it says when it cannot, and that it never stays behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from handrail.broker import EmbeddedBroker, binary, metadata
from handrail.broker.ports import HOST, free_port
from handrail.schemas.errors import ConfigError

STARTS_A_BROKER = """
import signal
from handrail.broker import EmbeddedBroker
broker = EmbeddedBroker().start()
print(broker.pid, flush=True)
signal.pause()
"""


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def port_of(broker: EmbeddedBroker) -> int:
    return int(broker.bootstrap.partition(":")[2])


def test_it_answers_as_its_own_cluster_once_started() -> None:
    with EmbeddedBroker() as broker:
        answer = metadata.ask(HOST, port_of(broker))
        assert answer.cluster_id == broker.cluster_id
        assert list(answer.brokers.values()) == [port_of(broker)]


def test_it_listens_on_the_port_it_was_given() -> None:
    port = free_port()
    with EmbeddedBroker(port) as broker:
        assert broker.bootstrap == f"127.0.0.1:{port}"


def test_each_start_is_another_cluster() -> None:
    broker = EmbeddedBroker()
    with broker:
        first = broker.cluster_id
    with broker:
        assert broker.cluster_id != first


def test_its_process_is_gone_when_stopped() -> None:
    with EmbeddedBroker() as broker:
        assert psutil.pid_exists(broker.pid)
    assert not psutil.pid_exists(broker.pid)
    broker.stop()  # once more changes nothing


def test_it_ends_when_whoever_started_it_is_killed() -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTS_A_BROKER], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    with starter:
        process = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    process.wait(timeout=10)  # raises if it is still there


def test_a_ctrl_c_at_the_terminal_does_not_reach_it() -> None:
    with EmbeddedBroker() as broker:
        assert os.getpgid(broker.pid) != os.getpgid(0)
        assert os.getsid(broker.pid) != os.getsid(0)


def test_a_taken_port_is_named(taken_port: int) -> None:
    with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{taken_port}: the port is taken: stop what listens there"):
        EmbeddedBroker(taken_port).start()


def test_a_port_of_another_broker_is_not_taken_for_ours() -> None:
    with EmbeddedBroker() as other:
        with pytest.raises(ConfigError, match="the port is taken"):
            EmbeddedBroker(port_of(other)).start()
        assert metadata.ask(HOST, port_of(other)).cluster_id == other.cluster_id


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"install handrail\[demo\]"):
        EmbeddedBroker().start()


def test_on_another_platform_it_says_where_it_runs_and_what_to_use_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ConfigError, match=r"none for win32 .*--bootstrap HOST:PORT"):
        EmbeddedBroker().start()


def test_a_program_that_ends_at_once_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "tansu"
    program.write_text("#!/bin/sh\necho no memory left >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(binary, "find", lambda: program)
    with pytest.raises(ConfigError, match="ended at its start with status 3: no memory left"):
        EmbeddedBroker().start()


def test_nothing_is_copied_to_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with EmbeddedBroker():
        assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_no_broker_is_an_error_not_a_hang() -> None:
    with socket.create_server((HOST, 0)) as server, pytest.raises(OSError, match=r"no metadata answer|timed out"):
        metadata.ask(HOST, server.getsockname()[1], timeout_s=0.1)


def test_the_killed_broker_can_be_stopped_still() -> None:
    broker = EmbeddedBroker().start()
    os.kill(broker.pid, signal.SIGKILL)
    broker.stop()
    assert not psutil.pid_exists(broker.pid)
