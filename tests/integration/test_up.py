"""`handrail up`: everything on one machine, kept running, ended in order."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.broker.ports import free_port
from handrail.schemas.topics import DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.keys import new_key
from tests import forks
from tests.desk import resolution
from tests.integration.test_doctor import doctor
from tests.log import Log
from tests.sinks import stored
from tests.topics import Wire
from tests.ups import Up, all_gone, child_of, up

pytestmark = pytest.mark.kafka

RULES = Path(__file__).resolve().parents[2] / "handrail" / "demo" / "policies"
OWN = ("--embedded", "--policies", str(RULES))


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


def refund(amount: int, number: int) -> dict[str, Any]:
    arguments = {"order_id": f"#{number}", "amount": amount}
    return Log("conv-1").event(
        "action.proposed", id=f"e{number}", action_id=f"a{number}", tool="issue_refund", arguments=arguments
    )


async def answers(wire: Wire) -> dict[str, Any]:
    """The next decision; it may take as long as a lost session."""
    while (record := await wire.next(40)).topic != DECISIONS:
        continue
    found: dict[str, Any] = orjson.loads(record.value)["data"]
    return found


def is_ready(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
        return bool(orjson.loads(answer.read())["ready"])


async def test_all_is_up_then_stored_then_gone(tmp_path: Path, address: str) -> None:
    port = free_port()
    with up(tmp_path, address, *OWN, "--workers", "2", "--http-port", str(port)) as one:
        started = one.started()
        assert all([await asyncio.to_thread(is_ready, at) for at in (port, port + 1, port + 2)])
        async with Wire(address, DECISIONS) as wire:
            await wire.publish(refund(900, 0))
            assert (await answers(wire))["verdict"] == "block"
        status, found = await asyncio.to_thread(doctor, tmp_path, "--policies", str(RULES))  # it learns where from up
        assert status == 0
        assert f"broker {address}" in found["handrail up"][0]["told"]
        assert [line["status"] for line in found["http"]] == ["ok"] * 3
        assert "2 workers; records not decided by partition: 0: " in found["workers"][0]["told"]
        assert found["ruleset"][0]["told"].endswith("decides, as in the folder")
        assert one.stop(signal.SIGTERM) == 0
        assert all_gone(started)
    (line,) = one.lines
    assert line.startswith(f"ready: {address} (embedded, in memory), 2 workers, ruleset sha256:")
    assert f"metrics http://127.0.0.1:{port}/metrics" in line
    assert "are not in the database" not in one.said()
    assert stored(one.data, "decisions") == 1
    assert sorted(log.name for log in (one.data / "logs").iterdir()) == ["sink.log", "worker-1.log", "worker-2.log"]


async def test_a_killed_worker_is_started_again_and_decisions_go_on(tmp_path: Path, address: str) -> None:
    with up(tmp_path, address, *OWN) as one:
        async with Wire(address, DECISIONS) as wire:
            await wire.publish(refund(50, 0))
            assert (await answers(wire))["usage"]["steps"] == 1
            child_of(one.process.pid, "worker").kill()
            await wire.publish(refund(60, 1))
            assert (await answers(wire))["usage"]["steps"] == 2
    assert "handrail up: worker-1 was killed by SIGKILL: it said nothing: starting it again in 1 s" in one.said()


async def test_a_lost_embedded_broker_is_replaced_and_when_up_is_killed_nothing_is_left(
    tmp_path: Path, address: str
) -> None:
    with up(tmp_path, address, *OWN) as one:
        async with Wire(address, DECISIONS) as wire:
            await wire.publish(refund(50, 0))
            await answers(wire)
            one.wait_until(lambda: stored(one.data, "decisions") == 1)
        child_of(one.process.pid, "broker").kill()
        one.wait_said("worker-1 is ready again")
        async with Wire(address, DECISIONS) as wire:
            await wire.publish(refund(50, 0))
            assert (await answers(wire))["usage"]["steps"] == 1
        one.wait_until(lambda: stored(one.data, "decisions") == 2)  # of two clusters
        started = one.started()
        assert len(started) == 6  # three processes, and what holds each of them
        one.kill()
        assert all_gone(started)
    assert one.said().count("the embedded broker ended, and the whole log with it") == 1


def test_one_up_a_folder_ended_at_once_by_a_second_ctrl_c_and_the_next_is_told(tmp_path: Path, address: str) -> None:
    with up(tmp_path, address, "--embedded") as one:
        started = one.started()
        status, _, why = refused(tmp_path, "--embedded", "--bootstrap", f"127.0.0.1:{free_port()}", "--http-port", "0")
        assert status == 2
        assert f"(process {one.process.pid}, broker {address}) runs on this folder" in why
        child_of(one.process.pid, "worker").send_signal(signal.SIGSTOP)  # so that a good end would take long
        one.process.send_signal(signal.SIGINT)
        one.wait_said("ending: workers")
        assert one.stop(signal.SIGINT) == 130
        assert all_gone(started)
        assert "is gone with its embedded broker" not in one.said()
    again = Up(tmp_path, address, "--embedded")
    again.wait_said("is gone with its embedded broker")
    assert again.stop() == 0  # though it was not up yet
    again.kill()


NO_DESK = ("--desk-port", "0")


def refused(tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    """How `handrail up` ends that cannot start."""
    done = forks.run("handrail", "up", "--data", str(tmp_path / "data"), *NO_DESK, *arguments, timeout=60, cwd=tmp_path)
    return done.returncode, done.stdout, done.stderr


def test_bad_policies_are_named_before_anything_starts(tmp_path: Path, address: str) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "refunds.yaml").write_text("rules: 7\n")
    status, said, why = refused(tmp_path, "--embedded", "--bootstrap", address, "--policies", str(tmp_path / "rules"))
    assert (status, said) == (1, "")
    assert why.startswith(f"{tmp_path}/rules/refunds.yaml: ")
    assert not (tmp_path / "data").exists()


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        status, said, why = refused(tmp_path, "--embedded", "--bootstrap", at, "--http-port", "0")
        assert (status, said) == (2, "")
        assert why.splitlines()[-1] == (
            f"handrail up: {at}: the port is taken: a Kafka broker there is used with --bootstrap {at}; "
            "else give the embedded one another port with --embedded --bootstrap 127.0.0.1:PORT"
        )
        port = at.rpartition(":")[2]
        status, _, why = refused(tmp_path, "--embedded", "--bootstrap", f"127.0.0.1:{free_port()}", "--http-port", port)
        assert (status, why) == (2, f"handrail up: --http-port {port}: {at} is taken: choose another, or 0 for none\n")
        free = ("--embedded", "--bootstrap", f"127.0.0.1:{free_port()}", "--http-port", "0")
        status, _, why = refused(tmp_path, *free, "--desk-port", port)
        assert (status, why) == (2, f"handrail up: --desk-port {port}: {at} is taken: choose another, or 0 for none\n")


def test_the_desk_is_there_and_says_how_to_get_in(tmp_path: Path, address: str) -> None:
    port = free_port()
    with up(tmp_path, address, "--embedded", "--desk-port", str(port)) as one:
        (ready,) = [line for line in one.lines if line.startswith("ready")]
        found = re.search(rf"desk (http://127\.0\.0\.1:{port}) \(log in once with (\S+)\)", ready)
        assert found, ready
        with urllib.request.urlopen(found[2], timeout=20) as page:
            assert page.status == 200
            assert "Handrail desk" in page.read().decode()
        assert one.stop() == 0


def test_no_broker_there_is_wrong_use(tmp_path: Path, address: str) -> None:
    status, _, why = refused(tmp_path, "--bootstrap", address, "--http-port", "0")
    assert status == 2
    assert "is it running, and is the address right?" in why.splitlines()[-1]


SOON = """
    import asyncio
    from pathlib import Path
    from handrail.schemas.errors import EngineError
    from handrail.supervisor.crew import RestartLimit
    from handrail.supervisor.terminal import Progress
    from handrail.supervisor.settings import UpSettings
    from handrail.supervisor.up import run

    settings = UpSettings.of(
        {{"bootstrap": "{address}", "embedded": True, "data": Path("{data}"), "http_port": 0, "desk_port": 0}}
    )
    try:
        asyncio.run(run(settings, lambda line: print(line, flush=True), Progress(), RestartLimit(2, 60, 0.01)))
    except EngineError as error:
        raise SystemExit(str(error))
"""


def soon_given_up(tmp_path: Path, address: str) -> "subprocess.Popen[bytes]":
    """`handrail up` with a lower limit, so that a test need not wait for half a minute."""
    script = textwrap.dedent(SOON).format(address=address, data=tmp_path / "data")
    with (tmp_path / "up.log").open("wb") as errors:
        return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=errors)


@pytest.mark.long
async def test_what_ends_again_and_again_ends_everything_and_is_named(tmp_path: Path, address: str) -> None:
    process = soon_given_up(tmp_path, address)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline().startswith(b"ready: ")
        file = tmp_path / "data" / "signing.key"  # no worker can start any more: decisions are signed by another key
        file.unlink()
        new_key(file)
        child_of(process.pid, "worker").kill()
        assert await asyncio.to_thread(process.wait, 60) == 1
    last = (tmp_path / "up.log").read_text().splitlines()[-1]
    assert last.startswith("handrail up: worker-1 ended 3 times within 60 s, given up; the last time it ended with ")
    assert "decisions are signed by key " in last
    assert last.endswith(f"; its log: {tmp_path / 'data' / 'logs' / 'worker-1.log'}")


@pytest.mark.apache
async def test_on_a_real_broker_the_next_start_goes_on(tmp_path: Path, apache: str) -> None:
    await ensure_topics(apache)
    async with Wire(apache, DECISIONS, HANDOFFS) as wire:
        with up(tmp_path, apache, "--policies", str(RULES)) as one:
            await wire.publish(refund(50, 0))
            assert (await answers(wire))["usage"]["steps"] == 1
            await wire.publish(refund(300, 1))
            found = {record.topic: orjson.loads(record.value)["data"] for record in await wire.until(2)}
            waiting, handoff = found[DECISIONS], found[HANDOFFS]  # in whichever order they come
            assert waiting["verdict"] == "require_approval"
            assert one.stop() == 0
        with up(tmp_path, apache, "--policies", str(RULES)) as again:
            digest = handoff["pending"]["action_digest"]
            await wire.publish(resolution(handoff, "approved", action_digest=digest), RESOLUTIONS)
            released = await answers(wire)
            assert (released["kind"], released["verdict"], released["action_id"]) == ("release", "allow", "a1")
            await wire.publish(refund(60, 2))
            assert (await answers(wire))["usage"]["steps"] == 3
            assert again.stop() == 0
    assert "is gone" not in again.said()
    assert "embedded" not in again.lines[0]
    assert stored(again.data, "decisions") == 4
