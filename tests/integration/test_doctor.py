"""`handrail doctor` beside real brokers."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import NewTopic

from handrail.doctor import broker as checks
from handrail.doctor.run import examine
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS
from handrail.streams.engine.topics import ensure_topics
from tests import forks
from tests.brokers import admin_of
from tests.log import Log
from tests.topics import Wire

RULES = Path(__file__).resolve().parents[2] / "handrail" / "demo" / "policies"


def doctor(folder: Path, *arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Its exit status, and its lines by what they are about."""
    asked = ("doctor", "--json", "--data", str(folder / "data"), *arguments)
    done = forks.run("handrail", *asked, timeout=60, cwd=folder)
    assert done.stderr == ""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in json.loads(done.stdout)["lines"]:
        found.setdefault(line["what"], []).append(line)
    return done.returncode, found


async def test_records_that_wait_without_a_worker_are_wrong(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    status, found = doctor(tmp_path, "--bootstrap", broker)
    assert status == 0
    assert found["topics"][0]["told"] == "10 of 10 are as they should be"
    assert found["workers"][0]["status"] == "warn"
    assert found["ruleset"][0]["told"] == "none was published: every proposal is blocked"
    async with Wire(broker) as wire:
        for number in range(3):
            await wire.publish(Log().event("query.received", id=f"e{number}", text="where is my order?"))
    status, found = doctor(tmp_path, "--bootstrap", broker)
    assert status == 1
    (line,) = found["workers"]
    assert line["status"] == "wrong"
    counts = [int(part.rpartition(": ")[2]) for part in line["told"].partition("by partition: ")[2].split(", ")]
    assert sum(counts) == 3


@pytest.mark.kafka
@pytest.mark.apache
async def test_topics_that_cannot_work_are_wrong_with_how_to_mend_them(apache: str, tmp_path: Path) -> None:
    async with admin_of(apache) as admin:
        await admin.create_topics([NewTopic(AGENT_EVENTS, 2, 1), NewTopic(DECISIONS, 3, 1)])
    status, found = doctor(tmp_path, "--bootstrap", apache)
    assert status == 1
    wrong = [line for line in found["topics"] if line["status"] == "wrong"]
    assert any("CreateTime" in line["told"] and "=LogAppendTime" in line["mend"] for line in wrong)
    assert any(f"{AGENT_EVENTS} has 2, {DECISIONS} has 3" in line["told"] for line in wrong)
    async with admin_of(apache) as admin:  # it has only looked
        assert {name for name in await admin.list_topics() if not name.startswith("__")} == {AGENT_EVENTS, DECISIONS}


@pytest.mark.kafka
async def test_what_listens_and_never_answers_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checks, "REQUEST_MS_MAX", 300)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        options = {"bootstrap": f"127.0.0.1:{mute.getsockname()[1]}"}
        lines = [line async for found in examine(options) for line in found]
    assert (lines[-1].what, lines[-1].status) == ("broker", "wrong")
    assert "nothing answers" in lines[-1].message
