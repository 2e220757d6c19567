"""Back pressure: who is behind stays within its memory, who has no answer does not act, and nothing is dropped."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError

import orjson
import pytest

from handrail.client import Agent, Client, NoDecision
from handrail.doctor import processes
from handrail.doctor.installation import Installation
from handrail.policies import load_bundle
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, DECISIONS, PARTITIONS
from handrail.streams.engine.activate import activate
from handrail.streams.engine.app import MAX_FETCH_BYTES
from handrail.streams.engine.consumer import ANSWER_BYTES_MAX
from handrail.streams.engine.fetch import WAITING_BYTES_MAX
from handrail.streams.engine.pipeline import CHUNK_BYTES, IN_FLIGHT_BYTES_MAX
from handrail.streams.probe import LOG_S
from infra.kafka.cluster import Cluster
from tests import heavy
from tests.crash.cluster import frozen
from tests.crash.watched import Watched
from tests.groups import behind, workers_group
from tests.held import HELD
from tests.infra import asked, families
from tests.integration.test_worker import POLICIES
from tests.memory import peak_of
from tests.oracle import compare
from tests.topics import data, read
from tests.workers import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.apache]

BEHIND_BYTES = 220_000_000
# As docs/bounds.md, "A worker's memory", derives it.
BASE_BYTES = 100_000_000
A_PARTITION_BYTES = WAITING_BYTES_MAX + MAX_FETCH_BYTES + IN_FLIGHT_BYTES_MAX + CHUNK_BYTES
ALLOCATOR = 1.25  # what it keeps of what was given back
MEMORY_BYTES_MAX = BASE_BYTES + int(ALLOCATOR * (PARTITIONS * A_PARTITION_BYTES + 3 * ANSWER_BYTES_MAX))
CAUGHT_UP_S_MAX = 120
AGENTS = 6
TIMEOUT_S = 2.0
LATE_S = 1.0  # a machine that is busy comes back to a timer a little later
BACK_S_MAX = 60


class Held(Watched):
    """A worker whose decisions no broker takes while a file is there."""

    program = ("tests.held",)


@contextmanager
def watched(bootstrap: str, folder: Path, kind: type[Watched] = Watched) -> Iterator[Watched]:
    """A worker with /readyz whose session outlives the test's faults."""
    found = kind(bootstrap, folder / "worker.log", "--policies", str(POLICIES), "--session-timeout-s", "30")
    try:
        yield found
    finally:
        found.kill()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(BACK_S_MAX):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # another process does not tell when


def waits(worker: Watched) -> dict[str, Any]:
    """What the worker says waits; nothing while it does not answer yet."""
    with suppress(URLError):
        found: dict[str, Any] = asked(f"http://{worker.url}/readyz")[1].get("waits", {})
        return found
    return {}


def paused(worker: Watched) -> int:
    """How many of its partitions are not fetched, because the broker takes nothing of what was fetched."""
    told = [wait["told"] for wait in waits(worker).values()]
    return sum(one.startswith("a produce is not") and one.endswith("so it is paused") for one in told)


def fetched(worker: Watched) -> list[float]:
    """Bytes of each of its partitions that are fetched and not processed."""
    return [sample.value for sample in families(f"http://{worker.url}")["handrail_worker_backlog_bytes"].samples]


async def caught_up(bootstrap: str, worker: Worker) -> None:
    """Everything on the log is decided."""
    async with asyncio.timeout(CAUGHT_UP_S_MAX):
        while await behind(bootstrap, workers_group(), PARTITIONS):
            assert worker.process.poll() is None, worker.said()
            await asyncio.sleep(0.1)  # no broker tells when


@pytest.mark.long
async def test_a_worker_that_is_far_behind_stays_within_its_memory(
    apache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await activate(apache, load_bundle(POLICIES))
    count = await heavy.publish(apache, BEHIND_BYTES)
    gate = tmp_path / "held"
    gate.touch()
    monkeypatch.setenv(HELD, str(gate))
    with watched(apache, tmp_path, Held) as worker, peak_of(worker.process.pid) as peak:
        await until(lambda: paused(worker) == PARTITIONS)
        assert max(fetched(worker)) < WAITING_BYTES_MAX + MAX_FETCH_BYTES
        gate.unlink()
        await caught_up(apache, worker)
    print(f"{count} records, {BEHIND_BYTES / 1e6:.0f} MB: {peak.bytes / 1e6:.0f} MB at most ({peak.samples} looks)")
    assert peak.bytes < MEMORY_BYTES_MAX
    verdict = await compare(apache, PARTITIONS)
    assert (verdict.lost, verdict.wrong) == ([], [])
    answered = [one for topic in (DECISIONS, DEADLETTERS) for one in await read(apache, topic, PARTITIONS)]
    assert {one.topic for one in answered} == {DECISIONS, DEADLETTERS}
    assert len({(one.topic, one.value) for one in answered}) == count


class Fleet:
    """Agents of conversations of their own on one connection, which propose, and act where they may."""

    def __init__(self, client: Client) -> None:
        self.agents = [
            Agent("shop", conversation=f"slow-{n}", client=client, timeout_s=TIMEOUT_S) for n in range(AGENTS)
        ]
        self.proposed = 0
        self.executed = 0

    async def act(self, agent: Agent) -> None:
        """Propose a refund, and pay it. Raises NoDecision."""
        self.proposed += 1
        await agent.propose("issue_refund", {"order_id": f"{agent.conversation}/{self.proposed}", "amount": 20})
        self.executed += 1

    async def all_act(self) -> list[BaseException | None]:
        """Each once, at the same time; what each raised."""
        return await asyncio.gather(*map(self.act, self.agents), return_exceptions=True)

    async def works(self, agent: Agent) -> None:
        """Returns when it may act again."""
        async with asyncio.timeout(BACK_S_MAX):
            while True:
                try:
                    return await self.act(agent)
                except NoDecision:
                    continue


async def doctor_says(worker: Watched, folder: Path) -> list[tuple[str, str]]:
    """What doctor has of the worker: (what, told) of each line."""
    installation = Installation({}, "", "handrail", None, folder, worker.url, None)
    return [(line.what, line.message) for line in await processes.check_endpoints(installation)]


async def test_a_slow_broker_slows_the_agents_and_they_do_not_act(
    apache_node: Cluster, apache: str, tmp_path: Path
) -> None:
    with watched(apache, tmp_path) as worker:
        worker.wait_ready()
        async with Client(apache) as client:
            fleet = Fleet(client)
            for agent in fleet.agents:
                await agent.__aenter__()
            assert await fleet.all_act() == [None] * AGENTS
            with frozen([node.pid for node in apache_node.nodes]):
                before_s = time.monotonic()
                refused = await fleet.all_act()
                assert time.monotonic() - before_s < TIMEOUT_S + LATE_S
                assert fleet.executed == AGENTS
                for error in refused:
                    assert isinstance(error, NoDecision)
                    assert error.decision is None
                    assert "issue_refund: it could not be asked: Kafka at " in str(error)
                    assert f"no answer within {TIMEOUT_S:g} s" in str(error)
                await until(lambda: "waits for the broker" in worker.said())
                said = await doctor_says(worker, tmp_path)
                assert [told for what, told in said if what == "waits" and "partition 0: waits for the broker" in told]
                assert waits(worker)["partition 0"]["seconds"] >= LOG_S
            await asyncio.gather(*map(fleet.works, fleet.agents))
            await until(lambda: "goes on: it waited for the broker" in worker.said())
            for agent in fleet.agents:
                await agent.__aexit__()
        await caught_up(apache, worker)
        assert waits(worker) == {}
        assert worker.process.poll() is None
        lines = [line for line in worker.said().splitlines() if "the broker" in line]
    assert len(lines) == 2, lines
    await everything_was_decided_once(apache, fleet)


async def everything_was_decided_once(bootstrap: str, fleet: Fleet) -> None:
    """Every proposal that is on the log, answered to its agent or not."""
    verdict = await compare(bootstrap, PARTITIONS)
    assert (verdict.lost, verdict.wrong) == ([], [])
    events = [orjson.loads(one.value) for one in await read(bootstrap, AGENT_EVENTS, PARTITIONS)]
    sent = {event["id"] for event in events if event["type"] == "handrail.action.proposed.v1"}
    decisions = {one.value: data(one)["for"]["id"] for one in await read(bootstrap, DECISIONS, PARTITIONS)}
    assert fleet.executed <= len(sent) <= fleet.proposed
    assert Counter(decisions.values()) == dict.fromkeys(sent, 1)
