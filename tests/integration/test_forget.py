"""A customer is forgotten while a real sink runs, and while none does; what the desk reveals, from a real log."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from handrail.desk.reveal import reveal
from handrail.schemas.topics import HANDOFFS, PARTITIONS, STATES
from handrail.streams.sink.database import LIVE, SNAPSHOT
from handrail.streams.sink.reading import ask_live, open_readonly
from tests import forks
from tests.bundles import REFUNDS, TOOLS, written
from tests.databases import open_store
from tests.integration.test_live import query
from tests.log import Log
from tests.processes import WAIT_S_MAX
from tests.sinks import sink
from tests.topics import Wire, data, read
from tests.workers import worker

FILES = (LIVE, SNAPSHOT, f"{LIVE}.wal")


def forget(folder: Path, ref: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return forks.run("handrail", "forget", ref, "--data", str(folder), *options)


def talk(name: str, word: str, extra: int = 0) -> Log:
    log = Log(f"conv-{name}")
    log.query(f"my {word} is broken", customer={"ref": f"cust-{name}"})
    for number in range(1 + extra):
        log.event("message.sent", role="assistant", text=f"{word} {number}")
    return log


def holding(folder: Path, word: bytes) -> list[str]:
    return [name for name in FILES if (folder / name).exists() and word in (folder / name).read_bytes()]


def conversations(folder: Path) -> set[str]:
    with open_readonly(folder).connection as connection:
        return {name for (name,) in connection.execute("SELECT DISTINCT conversation_id FROM events").fetchall()}


async def publish(bootstrap: str, *logs: Log) -> None:
    async with Wire(bootstrap) as wire:
        for log in logs:
            await wire.publish_all(log.records)


async def in_the_states(bootstrap: str, word: bytes) -> bool:
    last = {record.key: record.value for record in await read(bootstrap, STATES, PARTITIONS)}
    return any(word in value for value in last.values() if value is not None)


@pytest.mark.parametrize("told", ["option", "environment", ""])
async def test_the_workers_drop_what_was_said_where_the_command_can_tell_them(
    broker: str, tmp_path: Path, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with worker(broker, tmp_path), sink(broker, tmp_path) as one:
        await publish(broker, talk("1", "marmalade"), talk("2", "honey"))
        one.wait_stored(4)
        await until(lambda: in_the_states(broker, b"marmalade"))
        if told == "environment":
            monkeypatch.setenv("HANDRAIL_BOOTSTRAP", broker)
        found = forget(one.data, "cust-1", *(("--bootstrap", broker) if told == "option" else ()))
        assert found.returncode == 0, found.stderr
        if told:
            await until(lambda: gone_while_others_talk(broker, b"marmalade"))
            assert "the workers were told of 1 conversations" in found.stderr
        else:
            assert "handrail control forget conv-1\n" in found.stderr
            assert await in_the_states(broker, b"marmalade")
        assert await in_the_states(broker, b"honey")


async def gone_while_others_talk(bootstrap: str, word: bytes) -> bool:
    """What leaves the states leaves with a later batch of the partition, at the latest with a tick."""
    event = Log("conv-1").event("message.sent", id=uuid4().hex, role="assistant", text="jam")
    async with Wire(bootstrap) as wire:
        await wire.publish(event)
    return not await in_the_states(bootstrap, word)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S_MAX):
        while not await holds():
            pass


async def test_a_running_sink_forgets_and_goes_on(broker: str, tmp_path: Path) -> None:
    with sink(broker, tmp_path) as one:
        await publish(broker, talk("1", "marmalade"), talk("2", "honey"))
        one.wait_stored(4)
        found = forget(one.data, "cust-1", "--json")
        assert (found.returncode, json.loads(found.stdout)["removed"]["events"]) == (0, 2), found.stderr
        assert "agent.events.v1 30 days" in found.stderr
        assert holding(one.data, b"marmalade") == holding(one.data, b"cust-1") == []
        assert ask_live(one.data, "SELECT count(*) FROM events").rows == [(2,)]
        late = Log("conv-1")
        late.event("message.sent", role="assistant", text="marmalade after all")
        await publish(broker, late, talk("3", "jam"))
        one.wait_stored(4)
        assert conversations(one.data) == {"conv-2", "conv-3"}
        assert json.loads(query(one.data, "SELECT count(*) AS n FROM forgotten").stdout) == [{"n": 2}]
        again = forget(one.data, "cust-1")
        assert (again.returncode, again.stdout.split()) == (0, ["0", "conversations"])
        assert one.stop() == 0, one.said()
    assert holding(one.data, b"marmalade") == []
    assert not list((one.data / "handrail.forget").iterdir())


@pytest.mark.kafka
async def test_without_a_sink_it_is_done_here_and_the_next_one_leaves_them_out(embedded: str, tmp_path: Path) -> None:
    with sink(embedded, tmp_path) as one:
        await publish(embedded, talk("1", "marmalade"), talk("2", "honey"))
        one.wait_stored(4)
        assert one.stop() == 0, one.said()
    assert holding(one.data, b"marmalade")
    assert forget(one.data, "cust-1").returncode == 0
    assert holding(one.data, b"marmalade") == []
    rewind(one.data)
    with sink(embedded, tmp_path) as two:
        two.wait_until(lambda: conversations(two.data) == {"conv-2"})
        await publish(embedded, talk("3", "jam"))
        two.wait_until(lambda: conversations(two.data) == {"conv-2", "conv-3"})
        assert two.stop() == 0, two.said()
    assert holding(two.data, b"marmalade") == []


def rewind(folder: Path) -> None:
    """All offsets are lost, and all rows: the sink reads the log from its beginning."""
    from handrail.streams.sink.database import connect

    with connect(folder / LIVE, read_only=False) as connection:
        for table in ("offsets", "events"):
            connection.execute(f"DELETE FROM {table}")


@pytest.mark.kafka
async def test_a_sink_that_was_killed_before_it_answered_is_asked_by_what_lies_there(
    embedded: str, tmp_path: Path
) -> None:
    from handrail.streams.sink.erase import ask_sink, take_request, wait_for_answer

    with sink(embedded, tmp_path) as one:
        await publish(embedded, talk("1", "marmalade"))
        one.wait_stored(2)
        one.kill()
    request = ask_sink(one.data, "cust-1", None)
    assert take_request(one.data) is not None  # as if it had died right after
    with sink(embedded, tmp_path) as two:
        told = wait_for_answer(request, WAIT_S_MAX)
        assert told is not None
        assert told.clean
        assert told.removed["events"] == 2
        assert two.stop() == 0, two.said()
    assert holding(two.data, b"marmalade") == []


@pytest.mark.kafka
def test_another_process_that_is_no_sink_is_one_line(tmp_path: Path) -> None:

    store = open_store(tmp_path / LIVE)
    found = forget(tmp_path, "cust-1", "--wait-s", "0.1")
    store.close()
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert "another process has it open and has not answered" in found.stderr
    assert not list((tmp_path / "handrail.forget").iterdir())


async def test_each_mark_of_a_real_handoff_leads_back_to_the_log(broker: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "policies", refunds=REFUNDS, tools=TOOLS)
    with worker(broker, tmp_path, "--policies", str(folder)):
        log = Log("conv-1")
        log.query("card 4111 1111 1111 1111", customer={"ref": "c", "contact": "a@b.co"})
        log.does("get_user", result={"email": "a@b.co"}, email="a@b.co")
        log.proposes("refund", "a9", amount=300, note="for a@b.co")
        async with Wire(broker, HANDOFFS) as wire:
            await wire.publish_all(log.records)
            handoff = data(await wire.next())
    found: dict[str, Any] = {path: await reveal(broker, handoff, path) for path in handoff["redacted"]}
    assert found == {
        "attempts[0].arguments.email": "a@b.co",
        "attempts[0].result.email": "a@b.co",
        "contact": "a@b.co",
        "customer.contact": "a@b.co",
        "pending.arguments.note": "for a@b.co",
        "problem.text": "card 4111 1111 1111 1111",
        "transcript[0].text": "card 4111 1111 1111 1111",
    }
    assert await reveal(broker, handoff, "attempts[0].arguments") is None  # nothing was redacted there
