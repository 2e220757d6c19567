"""What a producer compressed is read by every part; a batch that nobody can read is a dead letter and stops nobody."""

import asyncio
import gzip
import struct
from pathlib import Path

import cramjam
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    NodeNotReadyError,
    TopicAuthorizationFailedError,
    UnsupportedCodecError,
    UnsupportedVersionError,
)
from click.testing import CliRunner, Result

from handrail.cli import main
from handrail.kafka import codecs
from handrail.kafka.reachable import AWAY, reachable
from handrail.schemas.errors import ConfigError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, DECISIONS, HANDOFFS, PARTITIONS, RESOLUTIONS
from handrail.streams.engine.topics import ensure_topics
from tests import batches, java
from tests.bundles import TOOLS, TWO_PEOPLE
from tests.desk import resolution
from tests.log import Log
from tests.oracle import compare
from tests.sinks import sink
from tests.topics import Wire, data, read
from tests.workers import worker

KEY = b"conv-1"
HERE = partition_of(KEY, PARTITIONS)
GOOD = batches.plain(KEY, [b"{}", b"[]"])


def run(broker: str, *arguments: str) -> Result:
    """`handrail ARGUMENTS`, on the broker."""
    done = CliRunner().invoke(main, [*arguments, "--bootstrap", broker])
    assert done.exit_code == 0, done.output
    return done


def damaged() -> bytes:
    """A batch whose checksum does not fit."""
    found = bytearray(GOOD)
    found[-1] ^= 0xFF
    return bytes(found)


def counted(count: int) -> bytes:
    """A batch that says it has so many records."""
    found = bytearray(GOOD)
    struct.pack_into(">i", found, batches.HEADER_BYTES - 4, count)
    return bytes(batches.checked(found))


def bomb(codec: str, size: int) -> bytes:
    """One record of so many zeros."""
    return batches.compressed(codec, KEY, [bytes(size)])


UNREADABLE = {
    "zstd that is none": batches.of_codec(GOOD, 4, b"no frame of any kind"),
    "lz4 that is none": batches.of_codec(GOOD, 3, b"no frame of any kind"),
    "snappy that is none": batches.of_codec(GOOD, 2, b"no frame of any kind"),
    "gzip that is none": batches.of_codec(GOOD, 1, b"no frame of any kind"),
    "gzip cut off": batches.of_codec(GOOD, 1, gzip.compress(GOOD[batches.HEADER_BYTES :])[:-5]),
    "snappy frames without end": batches.of_codec(GOOD, 2, codecs.XERIAL + bytes(7) + struct.pack(">i", -4)),
    "records that are none": batches.of_codec(GOOD, 0, b"no record of any kind"),
    "a wrong checksum": damaged(),
    "nine megabytes of zeros": bomb("zstd", 9_000_000),
}  # fmt: skip


@pytest.mark.kafka
@pytest.mark.apache
async def test_what_java_compresses_is_decided_stored_and_shown(broker: str, kafka_libs: Path, tmp_path: Path) -> None:
    await ensure_topics(broker)
    logs = {codec: Log(f"conv-{codec}") for codec in batches.CODECS}
    for codec, log in logs.items():
        for number in range(40):
            log.proposes("get_order", order_id=f"#{number}")
        await asyncio.to_thread(java.send, kafka_libs, broker, AGENT_EVENTS, codec, log.records)
    with worker(broker, tmp_path) as one:
        async with Wire(broker, DECISIONS) as wire:
            decided = [data(record)["conversation_id"] for record in await wire.until(160)]
        assert sorted(decided) == sorted(log.conversation for log in logs.values() for _ in range(40))
        with sink(broker, tmp_path) as store:
            store.wait_stored(160)
            assert store.stop() == 0, store.said()
        assert one.stop() == 0, one.said()
    await asyncio.to_thread(run, broker, "verify")
    exported = (await asyncio.to_thread(run, broker, "export", "conv-zstd", "conv-lz4")).stdout.splitlines()
    assert sum("action.proposed" in line for line in exported) == 80


@pytest.mark.kafka
@pytest.mark.parametrize("codec", batches.CODECS)
async def test_what_a_persons_tool_compresses_is_taken_as_said(embedded: str, tmp_path: Path, codec: str) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "refunds.yaml").write_text(TWO_PEOPLE.replace("\n      approvals: 2", ""))
    (policies / "tools.yaml").write_text(TOOLS)
    log = Log()
    log.proposes("refund", amount=300)
    with worker(embedded, tmp_path, "--policies", str(policies)):
        async with (
            Wire(embedded, DECISIONS, HANDOFFS) as wire,
            AIOKafkaProducer(bootstrap_servers=embedded, compression_type=codec) as producer,
        ):
            await producer.send_and_wait(AGENT_EVENTS, log.records[0].value, key=KEY)
            handoff = next(data(one) for one in await wire.until(2) if one.topic == HANDOFFS)
            answer = resolution(handoff, "approved")
            await producer.send_and_wait(RESOLUTIONS, orjson.dumps(answer), key=KEY)
            told = [data(one) for one in await wire.until(2)]
    assert [one["verdict"] for one in told if "verdict" in one] == ["allow"]


@pytest.mark.kafka
async def test_a_batch_that_nobody_can_read_is_a_dead_letter(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    log = Log()
    log.proposes("get_order", order_id="#1")
    log.proposes("get_order", order_id="#2")
    first, last = log.records
    with worker(embedded, tmp_path) as one:
        async with Wire(embedded, DECISIONS) as wire:
            await wire.publish_all([first])
            for batch in UNREADABLE.values():
                await batches.produce(embedded, AGENT_EVENTS, HERE, batch)
                await batches.produce(embedded, RESOLUTIONS, HERE, batch)
            await wire.publish_all([last])
            assert [data(record)["for"]["id"] for record in await wire.until(2)] == ["e0", "e1"]
        with sink(embedded, tmp_path) as store:
            store.wait_stored(2 * len(UNREADABLE), "deadletters")
            store.wait_stored(2 * len(UNREADABLE), "unreadable")
            assert store.stop() == 0, store.said()
        assert one.stop() == 0, one.said()
    letters = await read(embedded, DEADLETTERS, PARTITIONS)
    for topic in (AGENT_EVENTS, RESOLUTIONS):
        kept = [one for one in letters if dict(one.headers)["handrail-topic"] == topic.encode()]
        # Brokers write the offset into a batch; what follows is kept byte for byte.
        assert sorted(one.value[8:] for one in kept) == sorted(batch[8:] for batch in UNREADABLE.values())
        for one in kept:
            why = dict(one.headers)["handrail-reason"].decode()
            assert why.startswith("batch of offsets "), why
            assert "send its events again" in why, why
    await asyncio.to_thread(run, embedded, "verify")
    assert "get_order" in (await asyncio.to_thread(run, embedded, "export", "conv-1")).stdout
    verdict = await compare(embedded, PARTITIONS)
    assert (verdict.lost, verdict.wrong) == ([], []), str(verdict)


@pytest.mark.kafka
@pytest.mark.apache
@pytest.mark.parametrize("codec", ["zstd", "gzip"])
async def test_a_small_batch_that_unpacks_to_much_fills_no_memory(apache: str, tmp_path: Path, codec: str) -> None:
    await ensure_topics(apache)
    log = Log()
    log.proposes("get_order", order_id="#1")
    await batches.produce(apache, AGENT_EVENTS, HERE, bomb(codec, 200_000_000))
    with worker(apache, tmp_path) as one:
        async with Wire(apache, DECISIONS, DEADLETTERS) as wire:
            letter = await wire.next()
            assert "more than 8,000,000 bytes" in dict(letter.headers)["handrail-reason"].decode()
            await wire.publish_all(log.records)
            assert data(await wire.next())["for"]["id"] == "e0"
        assert one.stop() == 0, one.said()


def test_what_is_given_out_at_a_time_has_an_end() -> None:
    packed = bytes(cramjam.zstd.compress(bytes(codecs.BATCH_BYTES_MAX)))
    assert len(codecs.unzstd(packed)) == codecs.BATCH_BYTES_MAX
    with pytest.raises(codecs.TooLarge):
        codecs.unzstd(bytes(cramjam.zstd.compress(bytes(codecs.BATCH_BYTES_MAX + 1))))


@pytest.mark.kafka
@pytest.mark.parametrize("topic", [DECISIONS, HANDOFFS, RESOLUTIONS, AGENT_EVENTS])
async def test_no_reader_of_another_topic_stands_still(embedded: str, topic: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    for batch in (*UNREADABLE.values(), counted(3), counted(1)):
        await batches.produce(embedded, topic, HERE, batch)
    log = Log()
    log.proposes("get_order", order_id="#1")
    with worker(embedded, tmp_path) as one:
        async with Wire(embedded, DECISIONS) as wire:
            await wire.publish_all(log.records)
            while b"e0" not in ((told := await wire.next()).value or b""):
                pass
            assert data(told)["for"]["id"] == "e0"
        assert one.stop() == 0, one.said()
    for command in (("handoffs", "list"), ("export", "--all"), ("deadletters", "list")):
        assert "is the address right" not in (await asyncio.to_thread(run, embedded, *command)).output


ANSWERED = (
    UnsupportedCodecError("Libraries for zstd compression codec not found"),
    CorruptRecordException("Invalid CRC"),
    UnsupportedVersionError("too old"),
    TopicAuthorizationFailedError("agent.events.v1"),
)
GONE = (KafkaConnectionError("nobody"), NodeNotReadyError("not yet"), ConnectionRefusedError(111, "refused"))


@pytest.mark.parametrize("error", ANSWERED, ids=lambda error: type(error).__name__)
def test_a_broker_that_answered_is_not_called_away(error: Exception) -> None:
    with pytest.raises(ConfigError, match=r"^broker kafka:9092: .*: it answers, ") as told, reachable("kafka:9092"):
        raise error
    assert AWAY not in str(told.value)


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_a_broker_that_may_be_away_is_asked_for(error: Exception) -> None:
    with pytest.raises(ConfigError, match="is it running, and is the address right"), reachable("kafka:9092"):
        raise error
