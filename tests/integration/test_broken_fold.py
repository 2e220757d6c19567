"""A fold whose code fails on one record stops the worker there, and nobody passes it; a mended one goes on there."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord
from click.testing import CliRunner

from handrail.cli import main
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, DECISIONS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from tests import forks
from tests.bundles import REFUNDS, TOOLS, written
from tests.crash.load import traffic
from tests.groups import behind, workers_group
from tests.log import Log
from tests.oracle import compare
from tests.processes import HandrailProcess
from tests.topics import Wire, read
from tests.workers import Worker, worker

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).resolve().parents[2]
SEED, CONVERSATIONS, TURNS = 20261127, 12, 25
ODD = "odd"
NUMBER = partition_of(b"conv-odd", PARTITIONS)
SETTLE_S_MAX = 60


class Broken(Worker):
    """A worker whose fold fails on the event ODD."""

    program = ("tests.broken", ODD)


def faulty(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`handrail ARGUMENTS` with the same fault."""
    return forks.run(*Broken.program, *arguments, cwd=ROOT, timeout=SETTLE_S_MAX)


@pytest.fixture
def policies(tmp_path: Path) -> str:
    return str(written(tmp_path / "policies", refunds=REFUNDS, tools=TOOLS))


async def load(broker: str) -> None:
    """Traffic, with the odd event in the middle of it, and what comes later of the same conversation."""
    await ensure_topics(broker)
    odd = Log("conv-odd")
    odd.query("Where is my parcel?")
    odd.proposes("refund", amount=300)
    odd.proposes("get_order", event_id=ODD, order_id="#1")
    odd.answers("It comes on Monday.")
    others = list(traffic(SEED, CONVERSATIONS, TURNS))
    half = len(others) // 2
    async with Wire(broker) as wire:
        await wire.publish_all([*others[:half], *odd.records, *others[half:]])


def decisions(broker: str) -> list[ConsumerRecord]:
    """Those of the odd event's partition."""
    return [one for one in asyncio.run(read(broker, DECISIONS, PARTITIONS)) if one.partition == NUMBER]


def offset_of(one: ConsumerRecord) -> int:
    return int(orjson.loads(one.value)["data"]["position"]["offset"])


def place_of_odd(broker: str) -> int:
    events = asyncio.run(read(broker, AGENT_EVENTS, PARTITIONS))
    (found,) = [event for event in events if event.key == b"conv-odd" and b'"id": "odd"' in event.value]
    assert found.partition == NUMBER
    return int(found.offset)


async def settled(broker: str) -> None:
    async with asyncio.timeout(SETTLE_S_MAX):
        while await behind(broker, workers_group(), PARTITIONS):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # no broker tells when


def test_a_worker_stops_at_the_record_and_a_mended_one_goes_on_there(
    broker: str, tmp_path: Path, policies: str
) -> None:
    asyncio.run(load(broker))
    offset = place_of_odd(broker)
    place = f"agent.events.v1[{NUMBER}] offset {offset}: event 'odd' of '/agents/refunds', conversation 'conv-odd'"

    for start in range(2):  # whoever starts it again does not get past the record either
        stopped = Broken(broker, tmp_path / f"broken-{start}.log", "--policies", policies)
        assert ended(stopped) == 1
        lines = stopped.said().splitlines()
        assert lines[-1].startswith(f"handrail worker: stopped: {place}: ZeroDivisionError: the mean of nothing: ")
        assert "Traceback" in stopped.said()
    before = decisions(broker)
    assert before
    assert all(offset_of(one) < offset for one in before)
    assert not [one for one in asyncio.run(read(broker, DEADLETTERS, PARTITIONS)) if ODD.encode() in one.value]

    replayed(broker, tmp_path, lines[-1], place)

    with worker(broker, tmp_path) as sound:
        asyncio.run(settled(broker))
        assert sound.stop() == 0, sound.said()
    after = decisions(broker)
    assert after[: len(before)] == before
    assert min(map(offset_of, after[len(before) :])) == offset
    verdict = asyncio.run(compare(broker, PARTITIONS))
    assert (verdict.lost, verdict.wrong) == ([], []), str(verdict)
    assert len({keyed(one) for one in after}) == len(after)


def ended(process: HandrailProcess) -> int:
    try:
        return process.process.wait(SETTLE_S_MAX)
    finally:
        process.kill()


def keyed(one: ConsumerRecord) -> tuple[Any, ...]:
    data = orjson.loads(one.value)["data"]
    return data["position"]["offset"], data["decision_id"], data["kind"]


def replayed(broker: str, folder: Path, line: str, place: str) -> None:
    """The commands of the line lead to the same place, with the same code and without a broker."""
    said = line.partition("to replay just this: ")[2]
    bundle, events = folder / "as-decided", folder / "c.jsonl"
    export, _, replay = said.partition(" > c.jsonl && ")
    assert replay == "handrail replay c.jsonl --policies as-decided"
    assert export == f"handrail export conv-odd --bundle as-decided --bootstrap {broker}"
    for run in (faulty, sound):
        done = run(folder, "export", "conv-odd", "--bundle", str(bundle), "--bootstrap", broker)
        assert done.returncode == 0, done.stderr
        events.write_text(done.stdout)
        assert '"id": "odd"' in done.stdout

    again = ("replay", str(events), "--policies", str(bundle))
    done = faulty(folder, *again)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith(place)
    assert next(orjson.loads(line)["data"].get("kind") for line in done.stdout.splitlines()) == "route"
    traced = faulty(folder, *again, "--traceback")
    assert "Traceback" in traced.stderr
    assert traced.stderr.splitlines()[-1].startswith(place)
    assert sound(folder, *again).returncode == 0

    verified = faulty(folder, "verify", "--bootstrap", broker, "--wait-s", "0")
    assert (verified.returncode, len(verified.stderr.splitlines())) == (2, 1), verified.stderr
    assert verified.stderr.startswith(place)


def sound(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`handrail ARGUMENTS` without the fault."""
    done = CliRunner().invoke(main, list(arguments))
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)
