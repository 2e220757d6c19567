"""Another log at the same address: whoever remembers the one before ends, or begins anew, and mixes nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from click.testing import CliRunner

from handrail.broker import EmbeddedBroker
from handrail.broker.ports import free_port
from handrail.cli import main
from handrail.kafka.log_id import LogId, log_id
from handrail.kafka.one_log import AnotherLog, OneLog, clients_of, install
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE, DECISIONS, PARTITIONS, STATES
from handrail.streams.engine.topics import ensure_topics
from infra.kafka.cluster import Cluster
from tests.brokers import admin_of, wipe
from tests.groups import groups_of_its_own
from tests.log import Log
from tests.oracle import compare
from tests.processes import WAIT_S_MAX
from tests.sinks import sink
from tests.topics import Wire, data, read
from tests.workers import Worker, worker

pytestmark = pytest.mark.kafka
COUNT = 600  # events of each log
ENDED = "another log is there"


def logs(name: str, count: int = COUNT) -> list[Log]:
    """Conversations over all partitions, of so many events together."""
    found = [Log(f"{name}-{number}") for number in range(count // 20)]
    for log in found:
        for number in range(20):
            log.proposes("get_order", order_id=f"#{number}")
    return found


async def decide(broker: str, name: str, count: int = COUNT) -> None:
    """Put the events on the log; all are decided when this returns."""
    async with Wire(broker, DECISIONS) as wire:
        await wire.publish_all([record for log in logs(name, count) for record in log.records])
        await wire.until(count)


def verified(broker: str) -> str:
    """What `handrail verify` says of a log that it finds as the fold gives it."""
    done = CliRunner().invoke(main, ["verify", "--bootstrap", broker])
    assert done.exit_code == 0, done.output
    return done.output


async def ended(process: Worker, *words: str) -> None:
    """It has ended by itself, and its last line has these words."""
    status = await asyncio.to_thread(process.process.wait, WAIT_S_MAX)
    last = process.said().splitlines()[-1]
    assert status == 1, process.said()
    for word in words:
        assert word in last, process.said()


async def remade(broker: str) -> None:
    """All topics were deleted and made again."""
    await wipe(broker)
    await ensure_topics(broker)


class Embedded:
    """An embedded broker that is started anew at its address."""

    def __init__(self) -> None:
        self._port = free_port()
        self._running = EmbeddedBroker(self._port).start()
        self.bootstrap = self._running.bootstrap

    async def renew(self) -> None:
        self._running.stop()
        self._running = EmbeddedBroker(self._port).start()

    def stop(self) -> None:
        self._running.stop()


class Apache:
    """One node of Apache Kafka that is built anew at its address, with a new id or, as containers do, with the same."""

    def __init__(self, same_id: bool) -> None:
        self._cluster, self._same_id = Cluster(nodes=1, short_lived=True).start(), same_id
        self.bootstrap = self._cluster.bootstrap

    async def renew(self) -> None:
        await asyncio.to_thread(self._cluster.rebuild, self._cluster.cluster_id if self._same_id else None)

    def stop(self) -> None:
        self._cluster.stop()


class Remade(Apache):
    """One node of Apache Kafka whose topics are deleted and made again."""

    def __init__(self) -> None:
        super().__init__(same_id=True)

    async def renew(self) -> None:
        await remade(self.bootstrap)


class EmbeddedRemade(Embedded):
    """An embedded broker whose topics are deleted and made again."""

    async def renew(self) -> None:
        await remade(self.bootstrap)


Place = Embedded | Apache


@pytest.fixture(params=["embedded", "embedded-topics", "apache", "apache-same-id", "apache-topics"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A broker whose log begins anew when it is told to."""
    kind: str = request.param
    if kind.startswith("apache"):
        request.getfixturevalue("kafka_libs")
    found: Place = {
        "embedded": Embedded,
        "embedded-topics": EmbeddedRemade,
        "apache": lambda: Apache(same_id=False),
        "apache-same-id": lambda: Apache(same_id=True),
        "apache-topics": Remade,
    }[kind]()
    try:
        yield found
    finally:
        found.stop()


async def test_a_worker_of_the_log_before_decides_nothing_of_the_new_one(place: Place, tmp_path: Path) -> None:
    await ensure_topics(place.bootstrap)
    (tmp_path / "second").mkdir()
    with worker(place.bootstrap, tmp_path) as old:
        await decide(place.bootstrap, "first", 2 * COUNT)
        await place.renew()
        with worker(place.bootstrap, tmp_path / "second"):
            await decide(place.bootstrap, "second")
            await ended(old, ENDED if "topics" not in type(place).__name__ else "")
            await decide(place.bootstrap, "third")
            assert "no difference" in await asyncio.to_thread(verified, place.bootstrap)
            verdict = await compare(place.bootstrap, PARTITIONS)
            assert (verdict.lost, verdict.wrong) == ([], []), str(verdict)
            states = await read(place.bootstrap, STATES, PARTITIONS)
            assert not [one for one in states if one.key.startswith(b"first")]
