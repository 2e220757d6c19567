"""Another log at the same address: whoever remembers the one before ends, or begins anew, and mixes nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from click.testing import CliRunner

from handrail.broker import EmbeddedBroker
from handrail.broker.ports import HOST, free_port
from handrail.cli import main
from handrail.client import Agent, Client, NoDecision, NotRecorded
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, HANDOFFS, PARTITIONS, STATES
from handrail.streams.engine.topics import ensure_topics
from infra.kafka.cluster import Cluster
from tests.brokers import admin_of, wipe
from tests.hooks.processes import hooks, to, write
from tests.hooks.receiver import receiving
from tests.hooks.records import refund
from tests.hooks.records import write as publish
from tests.log import Log
from tests.oracle import compare
from tests.processes import WAIT_S_MAX, HandrailProcess
from tests.sinks import Sink, sink, stored
from tests.topics import Wire, read
from tests.ups import all_gone, up
from tests.workers import Worker, worker

pytestmark = pytest.mark.kafka
COUNT = 6_000  # events of each log
ENDED = "another log is there"


def logs(name: str, count: int = COUNT) -> list[Log]:
    """Conversations over all partitions, of so many events together."""
    found = [Log(f"{name}-{number}") for number in range(count // 20)]
    for log in found:
        for number in range(20):
            log.proposes("get_order", order_id=f"#{number}")
    return found


async def decide(broker: str, name: str, count: int = COUNT, before: int = 0) -> None:
    """Put the events on the log; all are decided when this returns. `before`: decisions that are there already."""
    async with Wire(broker, DECISIONS) as wire:
        await wire.publish_all([record for log in logs(name, count) for record in log.records])
        await wire.until(before + count)


def verified(broker: str) -> str:
    """What `handrail verify` says of a log that it finds as the fold gives it."""
    done = CliRunner().invoke(main, ["verify", "--bootstrap", broker])
    assert done.exit_code == 0, done.output
    return done.output


async def ended(process: HandrailProcess, *words: str, status: int = 1) -> None:
    """It has ended by itself, and its last line has these words."""
    found = await asyncio.to_thread(process.process.wait, WAIT_S_MAX)
    last = process.said().splitlines()[-1]
    assert found == status, process.said()
    for word in words:
        assert word in last, process.said()


async def handed_over(broker: str, conversation: str, amounts: list[int]) -> None:
    """One handoff for each amount is on the log."""
    async with Wire(broker) as wire:
        await publish(wire, [one for one in refund(conversation, amounts) if one.topic == HANDOFFS])


async def asked(broker: str, conversation: str) -> None:
    """The conversation has an event on the log when this returns."""
    async with Wire(broker, AGENT_EVENTS) as wire:
        while (await wire.next(WAIT_S_MAX)).key != conversation.encode():
            pass


async def delete(admin: AIOKafkaAdminClient, topic: str) -> None:
    """The topic is gone when this returns."""
    await admin.delete_topics([topic])
    async with asyncio.timeout(WAIT_S_MAX):
        while topic in await admin.list_topics():  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # no broker tells when


async def remade(broker: str) -> None:
    """All topics were deleted and made again."""
    await wipe(broker)
    await ensure_topics(broker)


class Embedded:
    """An embedded broker that is started anew at its address."""

    new_id = True

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
        self._cluster, self.new_id = Cluster(nodes=1, short_lived=True).start(), not same_id
        self.bootstrap = self._cluster.bootstrap

    async def renew(self) -> None:
        await asyncio.to_thread(self._cluster.rebuild, None if self.new_id else self._cluster.cluster_id)

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

    new_id = False

    async def renew(self) -> None:
        await remade(self.bootstrap)


Place = Embedded | Apache


@pytest.fixture(
    params=[
        "embedded",
        "embedded-topics",
        pytest.param("apache", marks=[pytest.mark.apache, pytest.mark.long]),
        pytest.param("apache-same-id", marks=[pytest.mark.apache, pytest.mark.long]),
        pytest.param("apache-topics", marks=pytest.mark.apache),
    ]
)
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
            await ended(old, ENDED)
            await decide(place.bootstrap, "third", before=COUNT)
            assert "no difference" in await asyncio.to_thread(verified, place.bootstrap)
            verdict = await compare(place.bootstrap, PARTITIONS)
            assert (verdict.lost, verdict.wrong) == ([], []), str(verdict)
            states = await read(place.bootstrap, STATES, PARTITIONS)
            assert not [one for one in states if one.key.startswith(b"first")]


async def test_a_sink_adds_nothing_of_another_log(place: Place, tmp_path: Path) -> None:
    await ensure_topics(place.bootstrap)
    with sink(place.bootstrap, tmp_path) as old:
        async with Wire(place.bootstrap) as wire:
            await wire.publish_all(record for log in logs("first", 40) for record in log.records)
        old.wait_stored(40)
        await place.renew()
        await ensure_topics(place.bootstrap)
        await ended(old, ENDED)
    async with Wire(place.bootstrap) as wire:
        await wire.publish_all(record for log in logs("second", 60) for record in log.records)
    again = Sink(place.bootstrap, tmp_path)
    if place.new_id:
        again.wait_ready().wait_stored(100)  # beside the rows of the cluster before
        assert again.stop() == 0, again.said()
    else:
        await ended(again, "holds rows of another log", "another folder with --data", status=2)
        (tmp_path / "new").mkdir()
        with sink(place.bootstrap, tmp_path / "new") as fresh:
            fresh.wait_stored(60)
            assert fresh.stop() == 0, fresh.said()
    assert stored(tmp_path / "data", "events") in (40, 100)


@pytest.mark.long
async def test_states_of_topics_that_are_gone_decide_nothing(place: Place, tmp_path: Path) -> None:
    """The events were deleted and made again, the states were not: a worker says so, and does not pass over events."""
    await ensure_topics(place.bootstrap)
    with worker(place.bootstrap, tmp_path) as old:
        await decide(place.bootstrap, "first")
        assert old.stop() == 0, old.said()
    async with admin_of(place.bootstrap) as admin:
        await delete(admin, AGENT_EVENTS)
        await ensure_topics(place.bootstrap)
        again = Worker(place.bootstrap, tmp_path / "worker.log")
        await ended(again, "its states are of another agent.events.v1", f"delete the topic {STATES}")
        again.kill()
        await delete(admin, STATES)
    with worker(place.bootstrap, tmp_path):
        await decide(place.bootstrap, "second", before=COUNT)
    verdict = await compare(place.bootstrap, PARTITIONS)
    assert verdict.lost == [], str(verdict)


@pytest.mark.long
async def test_hooks_send_all_of_the_new_log_and_commit_nothing_of_the_one_before(place: Place, tmp_path: Path) -> None:
    await ensure_topics(place.bootstrap)
    async with receiving() as receiver:
        write(tmp_path, to(receiver.url))
        with hooks(place.bootstrap, tmp_path) as old:
            await handed_over(place.bootstrap, "first", [300, 310, 320])
            await receiver.until(lambda: len(receiver.of("first")) == 3)
            await place.renew()
            await ensure_topics(place.bootstrap)
            await ended(old, ENDED)
        with hooks(place.bootstrap, tmp_path):
            await handed_over(place.bootstrap, "second", [300])
            await receiver.until(lambda: len(receiver.of("second")) == 1)
        assert len(receiver.of("first")) == 3


async def test_a_desk_shows_nothing_of_the_log_before_and_sends_nothing_to_the_new_one(
    place: Place, tmp_path: Path
) -> None:
    await ensure_topics(place.bootstrap)
    await handed_over(place.bootstrap, "first", [300, 310])
    given = ("--bootstrap", place.bootstrap, "--data", str(tmp_path), "--listen", f"{HOST}:{free_port()}")
    old = HandrailProcess(tmp_path / "desk.log", "desk", *given)
    try:
        old.wait_ready()
        await place.renew()
        await ensure_topics(place.bootstrap)
        await ended(old, ENDED, "start it again")
        again = HandrailProcess(tmp_path / "desk.log", "desk", *given).wait_ready()
        assert again.stop() == 0, again.said()
    finally:
        old.kill()


async def test_an_agent_that_waits_is_told_and_the_next_one_is_decided(place: Place, tmp_path: Path) -> None:
    await ensure_topics(place.bootstrap)
    async with (
        Client(place.bootstrap, timeout_s=WAIT_S_MAX) as client,
        Agent("refunds", conversation="first", client=client, timeout_s=WAIT_S_MAX) as old,
    ):
        waiting = asyncio.create_task(old.propose("get_order", {"order_id": "#1"}))
        await asked(place.bootstrap, "first")
        await place.renew()
        await ensure_topics(place.bootstrap)
        with pytest.raises(NoDecision, match=ENDED):
            await waiting
        with pytest.raises(NoDecision, match=ENDED):
            await old.propose("get_order", {"order_id": "#1"})
        with pytest.raises(NotRecorded, match=ENDED):
            await old.feedback(csat=4)
        with worker(place.bootstrap, tmp_path):
            async with Agent("refunds", conversation="second", client=client, timeout_s=WAIT_S_MAX) as new:
                assert (await new.propose("get_order", {"order_id": "#2"})).decision is not None
    events = await read(place.bootstrap, AGENT_EVENTS, PARTITIONS)
    assert {one.key for one in events} == {b"second", b"control"}


def test_up_that_lost_its_broker_for_good_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_BROKER_AWAY_S", "3")
    place = Embedded()
    with up(tmp_path, place.bootstrap) as one:
        started = one.started()
        place.stop()
        assert one.process.wait(WAIT_S_MAX) == 1, one.said()
        assert "has not answered for 3 s, given up" in one.said().splitlines()[-1]
        assert all_gone(started)


@pytest.mark.long
async def test_up_goes_on_with_another_cluster_at_its_address(tmp_path: Path) -> None:
    place = Embedded()
    try:
        with up(tmp_path, place.bootstrap) as one:
            await decide(place.bootstrap, "first")
            await place.renew()
            await asyncio.to_thread(one.wait_said, "another log is at")
            await asyncio.to_thread(one.wait_said, "worker-1 is ready again")
            await decide(place.bootstrap, "second")
            assert "no difference" in await asyncio.to_thread(verified, place.bootstrap)
            assert await asyncio.to_thread(one.stop) == 0, one.said()
    finally:
        place.stop()
