"""Whoever may write the states changes nothing that is decided, and keeps no worker from starting."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import NewTopic

from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import ALERTS, CATALOGUE, DECISIONS, PARTITIONS, STATES
from handrail.streams.engine.attestation import Attested, read, signed
from handrail.streams.engine.changelog import position_of
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.governor import state
from handrail.streams.governor.state import ATTESTED_KEY, LOST, PARTITION_KEY, Conversation, PartitionState
from handrail.streams.keys import new_key
from tests import topics
from tests.brokers import admin_of
from tests.bundles import REFUNDS, written
from tests.groups import behind, workers_group
from tests.keys import key
from tests.log import Log
from tests.oracle import compare
from tests.topics import Wire, data
from tests.workers import Worker, worker

SOON_S = 60.0
NAME = "conv-1"
HERE = partition_of(NAME.encode(), PARTITIONS)
FAR = 2**40


def header(position: int) -> list[tuple[str, bytes]]:
    return [("p", position.to_bytes(8, "big", signed=True))]


async def states(broker: str, of: bytes = NAME.encode()) -> list[ConsumerRecord]:
    found = await topics.read(broker, STATES, PARTITIONS)
    return [record for record in found if record.key == of and record.partition == HERE]


async def write(broker: str, *records: tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]) -> None:
    """Somebody writes states, one after the other."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all")
    await producer.start()
    for name, value, headers in records:
        await producer.send_and_wait(STATES, value, key=name, partition=HERE, headers=headers)
    await producer.stop()


async def asks(wire: Wire, number: int, order: int = 1, name: str = NAME) -> dict[str, Any]:
    """A look-up is proposed; its decision. Copies of earlier ones may come before it."""
    log = Log(name)
    log.proposes("get_order", event_id=f"e{number}", action_id=f"a{number}", order_id=order)
    await wire.publish_all(log.records)
    while (found := data(await wire.next()))["for"]["id"] != f"e{number}":
        continue
    return found


async def settled(broker: str) -> None:
    """All that was asked is committed, and so its states are written."""
    async with asyncio.timeout(SOON_S):
        while await behind(broker, workers_group(), PARTITIONS):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # nothing tells when


async def halted(broker: str) -> ConsumerRecord:
    """The conversation loops until it is halted; its first state, from before."""
    async with Wire(broker, DECISIONS) as wire:
        verdicts = [(await asks(wire, number))["verdict"] for number in range(5)]
        assert verdicts[-1] == "halt"
    await settled(broker)
    return (await states(broker))[0]


@pytest.fixture(params=["signed", "unsigned"])
async def options(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[str]]:
    policies = ["--policies", str(written(tmp_path / "policies", refunds=REFUNDS))]
    if request.param == "signed":
        new_key(tmp_path / "signing.key")
        policies += ["--key", str(tmp_path / "signing.key")]
    return policies


@pytest.fixture
async def key_file(tmp_path: Path) -> AsyncIterator[list[str]]:
    new_key(tmp_path / "signing.key")
    return ["--key", str(tmp_path / "signing.key")]


async def agrees(broker: str) -> None:
    found = await compare(broker, PARTITIONS)
    assert (found.lost, found.wrong) == ([], [])


def forged(position: int = FAR) -> dict[str, list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]]:
    """Records by what is wrong with them."""
    head, name = state.encode(Conversation(3)), NAME.encode()
    return {
        "no MessagePack": [(b"zz", b"\x93\x01\x02\x03", header(5))],
        "nothing": [(b"zz", b"", header(5)), (name, b"", header(position))],
        "another version": [(name, b"\x93\x01\x05\xc0", header(position))],
        "half a head": [(name, head[: len(head) // 2], header(position))],
        "no position": [(name, head, []), (b"zz", head, [])],
        "half a position": [(name, head, [("p", b"\x01")])],
        "a position before all": [(b"zz", state.encode(Conversation(-5)), header(-5))],
        "no key": [(None, head, header(5))],
        "a key that is no text": [(b"\xff\xfe", head, header(3)), (b"\xff\x00p1", b"x", header(3))],
        "keys that are nobody's": [(b"\x00", b"x", header(3)), (b"\x00evil", b"x", header(3)), (b"", head, header(3))],
        "an entry without a number": [(name + b"\x00x", b"x", header(3)), (name + b"\x00p", b"x", header(3))],
        "a number that is not one": [(name + b"\x00-1", b"x", header(3)), (name + b"\x00p 1_0", b"x", header(3))],
        "junk for an entry": [(name + b"\x000", b"\x93junk", header(position))],
        "a tombstone": [(name, None, header(position))],
        "a partition that is far": [(PARTITION_KEY, state.encode(PartitionState(FAR)), header(FAR))],
        "junk for a partition": [(PARTITION_KEY, b"junk", header(position)), (PARTITION_KEY, None, header(position))],
        "junk that attests": [(ATTESTED_KEY, b"junk", header(position)), (ATTESTED_KEY, None, header(position))],
    }


@pytest.mark.kafka
async def test_an_old_head_with_a_high_position_lifts_no_halt(
    embedded: str, tmp_path: Path, options: list[str]
) -> None:
    with worker(embedded, tmp_path, *options):
        early = await halted(embedded)
    await write(embedded, (early.key, early.value, header(FAR)))
    with worker(embedded, tmp_path, *options):
        async with Wire(embedded, DECISIONS) as wire:
            assert (await asks(wire, 10, 7))["verdict"] == "halt"
        await agrees(embedded)


@pytest.mark.kafka
async def test_nothing_that_lies_there_keeps_a_worker_from_starting(
    embedded: str, tmp_path: Path, options: list[str]
) -> None:
    with worker(embedded, tmp_path, *options):
        await halted(embedded)
    for records in forged().values():
        await write(embedded, *records)
    for number in range(2):  # the second finds what the first has mended
        with worker(embedded, tmp_path, *options) as late:
            async with Wire(embedded, DECISIONS) as wire:
                assert (await asks(wire, 10 + number, 7))["verdict"] == "halt"
                assert (await asks(wire, 10 + number, 7, "conv-2"))["verdict"] == "allow"
            assert late.stop() == 0, late.said()
    assert "Traceback" not in late.said()
    await agrees(embedded)


@pytest.mark.kafka
@pytest.mark.parametrize("what", ["head", "tombstone", "partition", "gone"])
async def test_well_formed_forgeries_count_for_nothing_where_states_are_attested(
    embedded: str, tmp_path: Path, key_file: list[str], what: str
) -> None:
    with worker(embedded, tmp_path, *key_file):
        await halted(embedded)
    place = (await states(embedded, PARTITION_KEY))[-1]
    at = position_of(place)
    own = state.decode_partition(place.value or b"")
    own.keys, own.modes = [(key("mallory").public.line, ["decisions", "controls"])], []
    forgery = {
        "head": (NAME.encode(), state.encode(Conversation(at)), header(at)),
        "tombstone": (NAME.encode(), None, header(at)),
        "partition": (PARTITION_KEY, state.encode(own), header(at)),
        "gone": (ATTESTED_KEY, signed(key("mallory"), "", HERE, Attested(FAR)), header(at)),
    }
    await write(embedded, forgery[what], *((forgery["head"],) if what == "gone" else ()))
    with worker(embedded, tmp_path, *key_file) as late:
        async with Wire(embedded, DECISIONS) as wire:
            assert (await asks(wire, 10, 7))["verdict"] == "halt"
            assert (await asks(wire, 11, 7, "conv-2"))["signature"] is not None
        assert late.process.poll() is None
        await agrees(embedded)


@pytest.mark.kafka
async def test_while_a_worker_runs_it_writes_again_what_somebody_overwrote(
    embedded: str, tmp_path: Path, options: list[str]
) -> None:
    with worker(embedded, tmp_path, *options):
        early = await halted(embedded)
        newest = (await states(embedded))[-1]
        await write(embedded, (early.key, early.value, header(FAR)), (early.key, b"junk", header(FAR)))
        async with Wire(embedded, DECISIONS) as wire:
            await asks(wire, 1, 3, next(f"c-{n}" for n in range(99) if partition_of(b"c-%d" % n, PARTITIONS) == HERE))
        async with asyncio.timeout(SOON_S):
            while position_of(last := (await states(embedded))[-1]) == FAR:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # no broker tells when
    assert (last.value, position_of(last)) == (newest.value, position_of(newest))


@pytest.mark.long
@pytest.mark.kafka
async def test_each_is_told_once_and_raises_an_alert(embedded: str, tmp_path: Path, options: list[str]) -> None:
    with worker(embedded, tmp_path, *options):
        await halted(embedded)
    await write(embedded, (b"zz", b"junk", header(5)))
    offset = (await states(embedded, b"zz"))[0].offset
    for number in range(2):
        late = Worker(embedded, tmp_path / f"late-{number}.log", *options)
        try:
            await asyncio.to_thread(late.wait_ready)
            async with asyncio.timeout(SOON_S):
                while not (found := await alerts_on(embedded, offset)):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)  # no broker tells when
        finally:
            late.stop()
        assert late.said().count(f"{STATES}[{HERE}] offset {offset} ") == 1
        assert [one["severity"] for one in found] == ["medium"]


async def alerts_on(broker: str, offset: int) -> list[dict[str, Any]]:
    found = [data(record) for record in await topics.read(broker, ALERTS, PARTITIONS)]
    return [one for one in found if one["about"].get("topic") == STATES and one["about"]["offset"] == offset]


async def lose(broker: str, name: bytes) -> None:
    """The changelog as compaction leaves it, where junk under the conversation's keys lies behind its states."""
    kept = [one for one in await topics.read(broker, STATES, PARTITIONS) if one.partition == HERE]
    async with admin_of(broker) as admin:
        await admin.delete_topics([STATES])
        async with asyncio.timeout(SOON_S):
            while STATES in await admin.list_topics():  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # no broker tells when
        await admin.create_topics([NewTopic(STATES, PARTITIONS, 1, topic_configs=CATALOGUE[STATES].configs())])
    await ensure_topics(broker)
    rest = [one for one in kept if not one.key.startswith(name)]
    await write(broker, *((one.key, one.value, [tuple(each) for each in one.headers]) for one in rest))
    await write(broker, (name, b"junk", header(5)))


async def test_a_conversation_that_junk_has_pushed_out_is_folded_again(
    broker: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broker_of = request.node.callspec.params["broker"]  # the embedded one deletes no topic
    await ensure_topics(broker)
    with worker(broker, tmp_path):
        await halted(broker)
    if broker_of == "apache":
        await lose(broker, NAME.encode())
    else:
        await write(broker, *((one.key, b"junk", header(5)) for one in await states(broker)))
    with worker(broker, tmp_path) as late:
        async with Wire(broker, DECISIONS) as wire:
            assert (await asks(wire, 10, 7))["verdict"] == "halt"
    assert ("1 conversations were folded again" in late.said()) == (broker_of == "apache")
    await agrees(broker)


@pytest.mark.kafka
@pytest.mark.apache
async def test_where_the_log_is_cut_it_is_halted_and_says_why(apache: str, tmp_path: Path) -> None:
    await ensure_topics(apache)
    with worker(apache, tmp_path):
        async with Wire(apache, DECISIONS) as wire:
            assert (await asks(wire, 0))["verdict"] == "allow"
        await settled(apache)
    await lose(apache, NAME.encode())
    await cut(apache)
    with worker(apache, tmp_path) as late:
        async with Wire(apache, DECISIONS) as wire:
            found = await asks(wire, 10, 7)
    assert (found["verdict"], found["reasons"][0]["code"]) == ("halt", "halted")
    assert LOST in found["reasons"][0]["message"]
    assert "nothing sure is known: they are halted" in late.said()


async def cut(broker: str) -> None:
    """Retention takes the first record."""
    from aiokafka import TopicPartition
    from aiokafka.admin.records_to_delete import RecordsToDelete

    from handrail.schemas.topics import AGENT_EVENTS

    async with admin_of(broker) as admin:
        await admin.delete_records({TopicPartition(AGENT_EVENTS, HERE): RecordsToDelete(before_offset=1)})


# --- what is attested


def test_what_is_attested_is_what_was_written() -> None:
    found = Attested().then(0, 5).then(8, 10).then(10, 12)
    assert found == Attested(12, ((5, 8),))
    assert [offset for offset in range(14) if found.covers(offset)] == [0, 1, 2, 3, 4, 8, 9, 10, 11]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Attested(5), Attested(3), Attested(5)),
        (Attested(5, ((1, 4),)), Attested(3), Attested(5, ((3, 4),))),
        (Attested(9, ((1, 3), (5, 7))), Attested(9, ((2, 6),)), Attested(9, ((2, 3), (5, 6)))),
        (Attested(4, ((0, 2),)), Attested(8, ((0, 1), (3, 8))), Attested(8, ((0, 1), (4, 8)))),
    ],
)
def test_the_word_of_two_owners_counts(one: Attested, other: Attested, both: Attested) -> None:
    assert one.also(other) == other.also(one) == both


def test_only_whose_key_counts_attests_and_for_one_partition_of_one_topic() -> None:
    value, keys = signed(key(), "T1", 2, Attested(9, ((1, 3),))), {key().id: key().public}
    assert read(value, "T1", 2, keys) == Attested(9, ((1, 3),))
    assert read(value, "T1", 1, keys) is None
    assert read(value, "T2", 2, keys) is None  # the topic was made again
    assert read(value, "T1", 2, {key("other").id: key("other").public}) is None
    assert read(value.replace(b'"end":9', b'"end":8'), "T1", 2, keys) is None
    for junk in (None, b"", b"junk", b"[]", b"{}", b"7", b'{"key_id":[],"value":"x"}', value[:-1]):
        assert read(junk, "T1", 2, keys) is None


# --- who reads along


@pytest.mark.kafka
async def test_a_standby_takes_over_what_is_attested_and_nothing_else(
    embedded: str, tmp_path: Path, key_file: list[str]
) -> None:
    names = [f"conv-{number}" for number in range(12)]
    workers = [Worker(embedded, tmp_path / f"worker-{number}.log", *key_file) for number in range(2)]
    try:
        for one in workers:
            await asyncio.to_thread(one.wait_ready)
        async with Wire(embedded, DECISIONS) as wire:
            for name in names:
                assert (await asks(wire, 1, 1, name))["usage"]["conversation_steps"] == 1
            early = (await states(embedded))[0]
            for records in forged().values():
                await write(embedded, *records)
            for name in names:
                assert (await asks(wire, 2, 2, name))["usage"]["conversation_steps"] == 2
            await write(embedded, (early.key, early.value, header(FAR)))
            await settled(embedded)
            workers[0].kill()
            for name in names:
                assert (await asks(wire, 3, 3, name))["usage"]["conversation_steps"] == 3
        assert workers[1].process.poll() is None, workers[1].said()
        assert "states were read along" in workers[1].said()
        await agrees(embedded)
    finally:
        for one in workers:
            one.kill()
