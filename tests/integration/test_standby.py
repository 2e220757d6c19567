"""Workers that read along what others own: a partition whose worker is killed goes on where the states are already."""

import asyncio
import re
import urllib.request
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from handrail.broker.ports import HOST, free_port
from handrail.schemas.topics import DECISIONS, PARTITIONS, STATES
from handrail.streams.engine.reading import ends
from handrail.streams.engine.topics import ensure_topics
from tests.groups import behind, workers_group
from tests.lagging import LAGGING, stopped
from tests.log import Log
from tests.oracle import compare
from tests.topics import Wire, data
from tests.workers import Worker

POLICIES = Path(__file__).resolve().parents[2] / "handrail" / "demo" / "policies"
NAMES = [f"conv-{number}" for number in range(60)]
POLL_S = 0.1
SOON_S = 60
READ_ALONG = re.compile(r"agent\.events\.v1\[(\d)]: ([\d,]+) states were read along")


class Read(Worker):
    """A worker that tells how many states of others' partitions it has read."""

    def __init__(self, bootstrap: str, errors: Path, *options: str) -> None:
        self.url = f"http://{HOST}:{free_port()}/metrics"
        super().__init__(bootstrap, errors, "--policies", str(POLICIES), "--http", self.url.split("/")[2], *options)

    def standbys(self) -> dict[int, int]:
        """Partitions that it stands by for, with how many of their states it has read."""
        with urllib.request.urlopen(self.url, timeout=5) as page:
            told = page.read().decode()
        found = re.findall(r'^handrail_worker_standby_states\{partition="(\d+)"\} (\S+)$', told, re.MULTILINE)
        return {int(number): int(float(count)) for number, count in found}


class Lagging(Read):
    """One whose standbys stop where they are."""

    program = ("tests.lagging",)


def taken_over(worker: Worker) -> dict[int, int]:
    """Partitions that it took over, with how many of their states it had read along."""
    return {int(number): int(count.replace(",", "")) for number, count in READ_ALONG.findall(worker.said())}


def steps(name: str, number: int) -> Log:
    """The `number`-th question of a conversation."""
    log = Log(name)
    log.proposes("get_order", f"a{number}", event_id=f"e{number}", order_id=f"#{number}")
    return log


async def asked(wire: Wire, number: int) -> dict[str, int]:
    """Every conversation proposes its `number`-th action; how many steps each has taken, as the decisions say.

    Copies of earlier decisions, which a killed worker leaves to its successor, may come in between.
    """
    await wire.publish_all([steps(name, number).records[-1] for name in NAMES])
    found: dict[str, int] = {}
    async with asyncio.timeout(SOON_S):
        while len(found) < len(NAMES):
            one = data(await wire.next(SOON_S))
            if one["for"]["id"] == f"e{number}":
                found[one["conversation_id"]] = one["usage"]["conversation_steps"]
    return found


async def decided(bootstrap: str) -> None:
    """All that was asked is committed."""
    async with asyncio.timeout(SOON_S):
        while await behind(bootstrap, workers_group(), PARTITIONS):  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(POLL_S)


async def changelog_ends(bootstrap: str) -> dict[int, int]:
    found = await ends(bootstrap, [TopicPartition(STATES, number) for number in range(PARTITIONS)])
    return {tp.partition: end for tp, end in found.items()}


async def all_read(bootstrap: str, workers: list[Read]) -> None:
    """Every partition has one standby, which has read all of its states."""
    async with asyncio.timeout(SOON_S):
        while True:
            read = [worker.standbys() for worker in workers]
            if read[0] | read[1] == await changelog_ends(bootstrap) and not read[0].keys() & read[1].keys():
                return
            await asyncio.sleep(POLL_S)  # nothing tells when


async def test_what_a_killed_worker_owned_goes_on_at_its_standby(broker: str, tmp_path: Path) -> None:
    workers = [Read(broker, tmp_path / f"worker-{number}.log") for number in range(2)]
    try:
        for one in workers:
            one.wait_ready()
        async with Wire(broker, DECISIONS) as wire:
            assert set((await asked(wire, 0)).values()) == {1}
            await decided(broker)
            await all_read(broker, workers)
            read = workers[1].standbys()
            assert sum(read.values()) > 0
            workers[0].kill()
            assert set((await asked(wire, 1)).values()) == {2}
        assert taken_over(workers[1]) == read
        found = await compare(broker, PARTITIONS)
        assert (found.lost, found.wrong) == ([], []), found
    finally:
        for one in workers:
            one.kill()


async def test_what_a_standby_has_not_read_is_read_before_anything_is_decided(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "lagging"
    monkeypatch.setenv(LAGGING, str(gate))
    workers = [Lagging(broker, tmp_path / f"worker-{number}.log") for number in range(2)]
    try:
        for one in workers:
            one.wait_ready()
        async with Wire(broker, DECISIONS) as wire:
            await asked(wire, 0)
            await decided(broker)
            await all_read(broker, workers)
            read = workers[1].standbys()
            gate.touch()
            async with asyncio.timeout(SOON_S):
                while not all(stopped(gate, number).exists() for number in range(PARTITIONS)):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)  # no file tells when
            assert set((await asked(wire, 1)).values()) == {2}
            workers[0].kill()
            assert set((await asked(wire, 2)).values()) == {3}
        assert taken_over(workers[1]) == read
        found = await compare(broker, PARTITIONS)
        assert (found.lost, found.wrong) == ([], []), found
    finally:
        for one in workers:
            one.kill()


async def test_without_standbys_nothing_is_read_along(broker: str, tmp_path: Path) -> None:
    workers = [Read(broker, tmp_path / f"worker-{number}.log", "--standbys", "0") for number in range(2)]
    try:
        for one in workers:
            one.wait_ready()
        async with Wire(broker, DECISIONS) as wire:
            await asked(wire, 0)
            await decided(broker)
            workers[0].kill()
            assert set((await asked(wire, 1)).values()) == {2}
        assert "read along" not in workers[1].said()
    finally:
        for one in workers:
            one.kill()


async def test_nothing_is_decided_on_a_half_read_state(broker: str, tmp_path: Path) -> None:
    """What is asked before the states are read is answered from all of them."""
    await ensure_topics(broker)
    first = Read(broker, tmp_path / "first.log").wait_ready()
    async with Wire(broker, DECISIONS) as wire:
        for number in range(10):
            await asked(wire, number)
        await decided(broker)
        first.kill()
        await wire.publish_all([steps(name, 10).records[-1] for name in NAMES])
        second = Read(broker, tmp_path / "second.log")
        try:
            answers = [data(record) for record in await wire.until(len(NAMES), SOON_S)]
        finally:
            second.kill()
    assert {answer["usage"]["conversation_steps"] for answer in answers} == {11}
    found = await compare(broker, PARTITIONS)
    assert (found.lost, found.wrong) == ([], []), found
