"""Which processes there are, how each is called, and what the settings mean."""

from pathlib import Path
from typing import Any

import pytest

from handrail.schemas.errors import ConfigError
from handrail.supervisor.plan import endpoints, parts
from handrail.supervisor.settings import UpSettings


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("BOOTSTRAP", "EMBEDDED", "HTTP_PORT", "DESK_PORT"):
        monkeypatch.delenv(f"HANDRAIL_{name}", raising=False)


def settings(**options: Any) -> UpSettings:
    return UpSettings.of(options)


def test_the_sink_and_each_worker_answer_at_a_port_of_their_own() -> None:
    assert endpoints(settings(workers=2)) == {
        "sink": "127.0.0.1:9464",
        "worker-1": "127.0.0.1:9465",
        "worker-2": "127.0.0.1:9466",
    }


def test_without_a_port_nobody_is_told_to_answer() -> None:
    found = parts(settings(workers=2, http_port=0), "k:1")
    assert [part.name for part in found] == ["sink", "worker-1", "worker-2", "desk"]
    assert not any("--http" in part.arguments for part in found)


def test_each_is_told_what_up_was_told() -> None:
    sink, worker, desk = parts(settings(bootstrap="k:1", policies=Path("p"), data=Path("d"), http_port=7000), "k:1")
    assert sink.arguments == (
        *("sink", "--bootstrap", "k:1", "--data", "d", "--snapshot-s", "2"),
        *("--http", "127.0.0.1:7000"),
    )
    assert worker.arguments == (
        "worker",
        "--bootstrap",
        "k:1",
        "--key",
        "d/signing.key",
        "--policies",
        "p",
        "--http",
        "127.0.0.1:7001",
    )
    assert desk.arguments == (
        *("desk", "--bootstrap", "k:1", "--data", "d", "--key", "d/signing.key"),
        *("--listen", "127.0.0.1:9470"),
    )
    assert [part.name for part in parts(settings(desk_port=0), "k:1")] == ["sink", "worker-1"]


@pytest.mark.parametrize(
    ("options", "own"),
    [
        ({}, True),
        ({"bootstrap": "k:1"}, False),
        ({"bootstrap": "127.0.0.1:7000", "embedded": True}, True),
        ({"bootstrap": "k:1", "embedded": False}, False),
    ],
)
def test_the_embedded_broker_is_started_unless_another_is_named(options: dict[str, Any], own: bool) -> None:
    assert settings(**options).own_broker is own


def test_the_embedded_broker_has_shorter_sessions_unless_told_otherwise() -> None:
    assert settings().session_s == 6
    assert settings(session_timeout_s=20).session_s == 20
    assert settings(bootstrap="k:1").session_s is None


@pytest.mark.parametrize(("bootstrap", "port"), [(None, 9092), ("127.0.0.1:7000", 7000), ("localhost:0", None)])
def test_where_the_embedded_broker_listens(bootstrap: str | None, port: int | None) -> None:
    assert settings(bootstrap=bootstrap, embedded=True).own_port == port


@pytest.mark.parametrize("bootstrap", ["kafka:9092", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "0.0.0.0:9092"])
def test_the_embedded_broker_listens_on_loopback_only(bootstrap: str) -> None:
    with pytest.raises(ConfigError, match=r"listens on 127\.0\.0\.1 only"):
        _ = settings(bootstrap=bootstrap, embedded=True).own_port


def test_no_broker_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="give --bootstrap"):
        _ = settings(embedded=False).own_broker
