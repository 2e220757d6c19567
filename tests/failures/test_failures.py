"""What an agent sees when something fails, what is on the log, and that nothing ran twice or unasked.

One test for each row of the table in docs/failures.md, over real brokers, workers and processes.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from handrail.client import Agent, AlreadyClaimed, Gate, GateRefused, NoDecision, Unusable
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, PARTITIONS
from handrail.streams.keys import new_key
from infra.kafka.cluster import Cluster
from tests import forks
from tests.bundles import REFUNDS, written
from tests.claims import claims_of
from tests.failures.shop import ACTION, ARGUMENTS, CONVERSATION, TOOL, gate_of, refund, runs
from tests.log import Log
from tests.processes import freeze
from tests.topics import Wire, data, read
from tests.workers import Worker, worker

pytestmark = pytest.mark.kafka

HOUR_S = 3600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the shop keeps its files: the workers' key, claims, and policies under which a decision holds a minute."""
    new_key(tmp_path / "signing.key")
    claims_of(tmp_path)
    written(tmp_path / "policies", refunds=REFUNDS)
    return tmp_path


def options(folder: Path) -> tuple[str, ...]:
    return ("--key", str(folder / "signing.key"), "--policies", str(folder / "policies"))


@pytest.fixture
def governed(embedded: str, folder: Path) -> Iterator[Worker]:
    """A worker on the embedded broker."""
    with worker(embedded, folder, *options(folder)) as found:
        yield found


async def on_the_log(bootstrap: str) -> Counter[str]:
    """How many events of each kind the conversation has, and how many decisions."""
    events = [orjson.loads(one.value) for one in await read(bootstrap, AGENT_EVENTS, PARTITIONS)]
    found = Counter(event["type"].split(".", 1)[1] for event in events if event["subject"] == CONVERSATION)
    found["decisions"] = len([one for one in await read(bootstrap, DECISIONS, PARTITIONS) if one.key])
    return found


async def decided(bootstrap: str) -> dict[str, object]:
    """The first decision on the topic, as soon as it is there."""
    async with Wire(bootstrap, DECISIONS) as wire:
        found: dict[str, object] = orjson.loads((await wire.next(60)).value)
        return found


async def test_the_worker_is_away(embedded: str, folder: Path, governed: Worker) -> None:
    governed.kill()
    with pytest.raises(NoDecision, match="no decision within 1 s: is a worker running"):
        await refund(embedded, folder, timeout_s=1)
    assert runs(folder) == 0
    with worker(embedded, folder, *options(folder)):
        await decided(embedded)  # what was asked is answered, and nobody acts on it
        assert runs(folder) == 0
        await refund(embedded, folder)
    assert runs(folder) == 1
    log = await on_the_log(embedded)
    assert (log["action.proposed.v1"], log["action.executed.v1"], log["decisions"]) == (2, 1, 2)


async def test_a_slow_decision(embedded: str, folder: Path, governed: Worker) -> None:
    freeze(governed.process.pid)
    with pytest.raises(NoDecision, match="no decision within 1 s"):
        await refund(embedded, folder, timeout_s=1)
    os.kill(governed.process.pid, signal.SIGCONT)
    late = await decided(embedded)
    assert (runs(folder), (await on_the_log(embedded))["action.executed.v1"]) == (0, 0)
    await refund(embedded, folder)
    again = orjson.loads((await read(embedded, DECISIONS, PARTITIONS))[-1].value)
    assert again["data"]["decision_id"] == late["data"]["decision_id"]  # type: ignore[index]
    assert runs(folder) == 1


@pytest.mark.apache
async def test_the_broker_is_away(kafka_libs: Path, folder: Path) -> None:
    with Cluster(nodes=1, short_lived=True) as cluster, worker(cluster.bootstrap, folder, *options(folder)):
        async with Agent("refunds", conversation=CONVERSATION, bootstrap=cluster.bootstrap, timeout_s=2) as agent:
            freeze(cluster.nodes[0].pid)
            started = time.monotonic()
            with pytest.raises(NoDecision, match="no answer within 2 s"):
                await agent.propose(TOOL, ARGUMENTS, action_id=ACTION)
            assert time.monotonic() - started < 4
            os.kill(cluster.nodes[0].pid, signal.SIGCONT)
        assert runs(folder) == 0
        await refund(cluster.bootstrap, folder, timeout_s=30)
        assert runs(folder) == 1
        log = await on_the_log(cluster.bootstrap)
        assert log["action.executed.v1"] == 1


async def test_an_expired_decision(embedded: str, folder: Path) -> None:
    written(folder / "policies", limits="default: {decision_ttl_s: 1}")
    with worker(embedded, folder, *options(folder)):
        async with Agent("refunds", conversation=CONVERSATION, bootstrap=embedded) as agent:
            permit = await agent.propose(TOOL, ARGUMENTS)
            assert permit.use_before_s is not None
            await asyncio.sleep(max(0.0, permit.use_before_s - time.monotonic()))
            with pytest.raises(Unusable, match="has expired: propose it under a new action_id"):
                permit.check()
            with pytest.raises(GateRefused, match="it has ended"):
                gate_of(folder).admit(permit, TOOL).__enter__()
    log = await on_the_log(embedded)
    assert (log["action.executed.v1"], log["decisions"]) == (0, 1)


async def test_a_clock_that_is_off_by_an_hour(embedded: str, folder: Path, governed: Worker) -> None:
    async with Agent("refunds", conversation=CONVERSATION, bootstrap=embedded) as agent:
        permit = await agent.propose(TOOL, ARGUMENTS)
        permit.check()  # by its own count of seconds: no clock is compared with another
        for ahead_s, why in ((HOUR_S, "set the clock right"), (-HOUR_S, "set the clock right")):
            gate = Gate(folder / "signing.key.pub", folder / "claims.db", clock=lambda off=ahead_s: time.time() + off)
            with pytest.raises(GateRefused, match=why):
                gate.admit(permit, TOOL).__enter__()
        with gate_of(folder).admit(permit, TOOL):
            pass


async def test_half_a_response(embedded: str, folder: Path, governed: Worker, caplog: pytest.LogCaptureFixture) -> None:
    async with Wire(embedded, DECISIONS) as wire:
        log = Log("conv-0")
        log.proposes(TOOL, amount=20)
        await wire.publish_all(log.records)
        whole = (await wire.next()).value
    half = whole[: len(whole) // 2]
    governed.kill()
    async with (
        Agent("refunds", conversation=CONVERSATION, bootstrap=embedded, timeout_s=2) as agent,
        Wire(embedded, DECISIONS) as wire,
    ):
        asked = asyncio.create_task(agent.propose(TOOL, ARGUMENTS))
        while not asked.done():  # whenever it begins to read, half a decision comes
            await wire.raw(CONVERSATION.encode(), half, DECISIONS)
            await asyncio.sleep(0.2)
        with pytest.raises(NoDecision):
            await asked
    assert "is no decision" in caplog.text
    with pytest.raises(GateRefused, match="no decision's record"):
        gate_of(folder).admit(half, TOOL, ARGUMENTS).__enter__()
    assert runs(folder) == 0


@pytest.mark.parametrize(
    ("point", "ran", "next_run"),
    [("decided", 0, "runs"), ("claimed", 0, "refused"), ("ran", 1, "refused")],
)
def test_the_agent_is_killed_between_decision_and_action(
    embedded: str, folder: Path, governed: Worker, point: str, ran: int, next_run: str
) -> None:
    command = ("tests.failures.shop", embedded, str(folder))
    killed = forks.run(*command, point, timeout=60)
    assert (killed.returncode, runs(folder)) == (-signal.SIGKILL, ran)
    again = forks.run(*command, timeout=60)
    if next_run == "runs":
        assert (again.returncode, runs(folder)) == (0, 1)
    else:
        assert "AlreadyClaimed" in again.stderr
        assert "nobody has said how it ended: see whether it took effect before doing it again" in again.stderr
        assert runs(folder) == ran
    log = asyncio.run(on_the_log(embedded))
    assert log["action.executed.v1"] == (1 if next_run == "runs" else 0)
    assert log["action.proposed.v1"] == 2  # one action, asked for twice
    found = asyncio.run(read(embedded, DECISIONS, PARTITIONS))
    assert len({data(one)["decision_id"] for one in found}) == 1


async def test_a_delivery_that_is_repeated(embedded: str, folder: Path, governed: Worker) -> None:
    """The proposal lies on the log three times, and its decision is handed to the executor as often."""
    log = Log(CONVERSATION)
    log.proposes(TOOL, action_id=ACTION, amount=20)
    async with Wire(embedded, DECISIONS) as wire:
        await wire.publish_all(log.records * 3)
        found = [orjson.loads(record.value) for record in await wire.until(3)]
    gate = gate_of(folder)
    came = []
    for record in found:
        try:
            with gate.admit(record, TOOL, {"amount": 20}):
                came.append("ran")
        except AlreadyClaimed:
            came.append("refused")
    assert came == ["ran", "refused", "refused"]
    assert len({record["data"]["decision_id"] for record in found}) == 1
    assert [record["data"].get("repeat") for record in found] == [None, True, True]
