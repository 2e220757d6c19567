"""Webhooks from a real broker to a real receiver that fails in every way."""

import asyncio
import ssl
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from handrail.broker import EmbeddedBroker
from handrail.hooks.positions import Window
from handrail.schemas.topics import DEADLETTERS, HANDOFFS, PARTITIONS
from handrail.streams.engine.reading import ends
from handrail.streams.engine.topics import ensure_topics
from infra.kafka.cluster import Cluster
from tests.brokers import admin_of
from tests.groups import hooks_group
from tests.hooks.positions import behind_of
from tests.hooks.processes import hooks, to, write
from tests.hooks.receiver import Answer, Got, Receiver, receiving
from tests.hooks.records import refund
from tests.hooks.records import write as publish
from tests.topics import Wire, read

pytestmark = pytest.mark.kafka
AMOUNTS = [300, 310, 320]
HOOK = "desk"


async def conversations(broker: str, count: int, first: int = 0) -> dict[str, list[str]]:
    """So many conversations with three handoffs each are on the log; the ids of their events in order."""
    found: dict[str, list[str]] = defaultdict(list)
    async with Wire(broker) as wire:
        for number in range(first, first + count):
            name = f"conv-{number}"
            for event in await publish(wire, [one for one in refund(name, AMOUNTS) if one.topic == HANDOFFS]):
                found[name].append(event["id"])
    return found


def complete(receiver: Receiver, expected: dict[str, list[str]]) -> bool:
    return all(receiver.of(name) == ids for name, ids in expected.items())


async def settled(broker: str) -> None:
    """Returns when the group's position stands at the end of the log."""
    async with asyncio.timeout(30):
        while await behind_of(broker, hooks_group(HOOK), [HANDOFFS], PARTITIONS):  # noqa: ASYNC110 - no broker tells
            await asyncio.sleep(0.1)


async def test_webhooks_arrive_signed_in_order_and_are_not_sent_again(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    expected = await conversations(broker, 10)
    async with receiving() as receiver:
        write(tmp_path, to(receiver.url))
        with hooks(broker, tmp_path) as one:
            await receiver.until(lambda: complete(receiver, expected))
            await settled(broker)
            assert one.stop() == 0, one.said()
        assert all(got.is_signed for got in receiver.got)
        assert {got.headers["content-type"] for got in receiver.got} == {"application/cloudevents+json"}
        assert len({got.id for got in receiver.got}) == len(receiver.got) == 30
        more = await conversations(broker, 2, first=10)
        with hooks(broker, tmp_path):
            await receiver.until(lambda: complete(receiver, more))
    assert len(receiver.got) == 36


class Failing:
    """A receiver in trouble: each event fails twice, each conversation in a way of its own."""

    WAYS: tuple[Answer, ...] = ((500, {}), (429, {"retry-after": "1"}), (302, {"location": "/elsewhere"}), (404, {}))

    def __init__(self) -> None:
        self.times: dict[str, int] = defaultdict(int)

    def __call__(self, got: Got) -> Answer:
        self.times[got.id] += 1
        if self.times[got.id] > 2:
            return 200, {}
        return self.WAYS[int(got.event["subject"].removeprefix("conv-")) % len(self.WAYS)]


async def test_each_failure_is_tried_again_in_order(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    expected = await conversations(broker, 8)
    async with receiving(Failing()) as receiver:
        write(tmp_path, to(receiver.url))
        with hooks(broker, tmp_path):
            await receiver.until(lambda: complete(receiver, expected), 60)
            await settled(broker)
    assert len(receiver.taken) == 24
    assert {got.path for got in receiver.got} == {"/hook"}
    order = [got.event["id"] for got in receiver.got if got.event["subject"] == "conv-0"]
    assert order == [one for one in expected["conv-0"] for _ in range(3)]
    for got in receiver.got:
        assert got.is_signed


async def test_a_conversation_that_fails_does_not_hold_the_others(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    expected = await conversations(embedded, 12)
    async with receiving(lambda got: None if got.event["subject"] == "conv-3" else (200, {})) as receiver:
        write(tmp_path, to(receiver.url, "timeout_s: 0.3"))
        with hooks(embedded, tmp_path) as one:
            others = {name: ids for name, ids in expected.items() if name != "conv-3"}
            await receiver.until(lambda: complete(receiver, others))
            tried = lambda: [got.event["id"] for got in receiver.got if got.event["subject"] == "conv-3"]  # noqa: E731
            await receiver.until(lambda: len(tried()) >= 3)
            assert set(tried()) == {expected["conv-3"][0]}
            assert receiver.of("conv-3") == []
            assert "no answer within 0.3 s" in one.said()
            receiver.answer = lambda _: (200, {})
            await receiver.until(lambda: complete(receiver, expected))
            await settled(embedded)


async def test_what_is_given_up_is_a_dead_letter_and_the_next_one_goes_on(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    expected = await conversations(broker, 1)
    bad = expected["conv-0"][0]
    async with receiving(lambda got: (500, {}) if got.event["id"] == bad else (200, {})) as receiver:
        write(tmp_path, to(receiver.url, retry="{first_s: 0.05, longest_s: 0.1, give_up_s: 0.5}"))
        with hooks(broker, tmp_path):
            await receiver.until(lambda: receiver.of("conv-0") == expected["conv-0"][1:])
            await settled(broker)
    (letter,) = await read(broker, DEADLETTERS, PARTITIONS)
    headers = {name: value.decode() for name, value in letter.headers}
    assert headers["handrail-topic"] == HANDOFFS
    assert headers["handrail-reason"].startswith("webhook desk: tried ")
    assert ": HTTP 500: xxx" in headers["handrail-reason"]
    assert len(headers["handrail-reason"]) < 300
    assert bad.encode() in letter.value


async def test_an_endpoint_that_is_gone_gets_nothing_more_until_a_new_start(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    expected = await conversations(embedded, 3)
    async with receiving(lambda _: (410, {})) as receiver:
        write(tmp_path, to(receiver.url, "at_once: 1"))
        with hooks(embedded, tmp_path) as one:
            await receiver.until(lambda: len(receiver.got) == 1)
            while "stopped: HTTP 410" not in one.said():  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)
            assert one.stop() == 0
        assert len(receiver.got) == 1
        receiver.answer = lambda _: (200, {})
        with hooks(embedded, tmp_path):
            await receiver.until(lambda: complete(receiver, expected))
    assert await read(embedded, DEADLETTERS, PARTITIONS) == []


async def test_kill_9_in_the_middle_loses_nothing_and_keeps_the_order(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    expected = await conversations(broker, 40)
    async with receiving() as receiver:
        write(tmp_path, to(receiver.url, "at_once: 2"))
        for part in (20, 50, 80):
            with hooks(broker, tmp_path) as one:
                await receiver.until(lambda: len(receiver.got) >= part)  # noqa: B023
                one.kill()
        with hooks(broker, tmp_path):
            await receiver.until(lambda: complete(receiver, expected), 60)
            await settled(broker)
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for got in receiver.got:
        bodies[got.id].add(got.body)
    assert len(bodies) == 120
    assert all(len(same) == 1 for same in bodies.values())


async def test_a_hook_gets_what_it_asks_for_as_it_asks_for_it(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    (tmp_path / "login").write_text("Bearer abc\n")
    body: Any = "{ticket: {subject: 'Refund {{/data/pending/arguments/amount}}', priority: '{{/data/priority}}'}}"
    headers = "{Authorization: {file: login}, Idempotency-Key: '{{/data/handoff_id}}'}"
    async with receiving() as receiver:
        lines = (
            "method: PUT",
            "records: [handoff.opened]",
            "kinds: [approval]",
            f"body: {body}",
            f"headers: {headers}",
        )
        write(tmp_path, to(receiver.url, *lines).replace("/hook", "/tickets/{{/subject}}?x=1"))
        with hooks(embedded, tmp_path):
            async with Wire(embedded) as wire:
                await publish(wire, refund("conv/1", [300, 900]))
            await receiver.until(lambda: len(receiver.taken) == 1)
            await settled(embedded)
    (got,) = receiver.got
    assert got.event == {"ticket": {"subject": "Refund 300", "priority": "normal"}}
    assert got.raw_path == "/tickets/conv%2F1?x=1"
    assert got.headers["authorization"] == "Bearer abc"
    assert got.headers["idempotency-key"].startswith("hf-")
    assert got.headers["content-type"] == "application/json"


async def test_a_name_that_leads_to_a_private_address_gets_nothing(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    await conversations(embedded, 1)
    async with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        text = to(f"https://localhost:{port}", retry="{first_s: 0.05, longest_s: 0.1, give_up_s: 0.2}")
        write(tmp_path, text.replace("private: true", "private: false"))
        with hooks(embedded, tmp_path):
            async with asyncio.timeout(20):
                while not (letters := await read(embedded, DEADLETTERS, PARTITIONS)):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
    assert receiver.got == []
    assert b"which is not public: set private: true" in dict(letters[0].headers)["handrail-reason"]


@pytest.mark.apache
async def test_after_kill_9_what_was_settled_behind_a_failing_conversation_is_not_sent_again(
    apache: str, tmp_path: Path
) -> None:
    """The commit's metadata says what is settled behind the position; the embedded broker does not keep it."""
    await ensure_topics(apache)
    expected = await conversations(apache, 20)
    async with receiving(lambda got: (500, {}) if got.event["subject"] == "conv-3" else (200, {})) as receiver:
        write(tmp_path, to(receiver.url))
        with hooks(apache, tmp_path) as one:
            others = {name: ids for name, ids in expected.items() if name != "conv-3"}
            await receiver.until(lambda: complete(receiver, others))
            await told_to_kafka(apache)
            one.kill()
        sent = len(receiver.taken)
        receiver.answer = lambda _: (200, {})
        with hooks(apache, tmp_path):
            await receiver.until(lambda: complete(receiver, expected))
            await settled(apache)
    assert sent == 57
    assert len(receiver.taken) == 60


async def told_to_kafka(broker: str) -> None:
    """Returns when only the three records of conv-3 are unsettled for whoever comes next."""
    wanted = [TopicPartition(HANDOFFS, number) for number in range(PARTITIONS)]
    last = await ends(broker, wanted)
    async with asyncio.timeout(30), admin_of(broker) as admin:
        while True:
            known = await admin.list_consumer_group_offsets(hooks_group(HOOK), partitions=wanted)
            left = [offset for tp, one in known.items() for offset in range(one.offset, last[tp])
                    if Window(one.offset, one.metadata).unsettled(offset)]  # fmt: skip
            if len(left) == 3:
                return
            await asyncio.sleep(0.1)


async def test_a_certificate_that_nobody_vouches_for_gets_nothing(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    expected = await conversations(embedded, 1)
    certificate, context = self_signed(tmp_path)
    async with receiving(tls=context) as receiver:
        text = to(receiver.url.replace("http://127.0.0.1", "https://localhost"))
        write(tmp_path, text)
        with hooks(embedded, tmp_path) as one:
            while "CERTIFICATE_VERIFY_FAILED" not in one.said():  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)
        assert receiver.got == []
        write(tmp_path, f"{text}\n    ca_file: {certificate}")
        with hooks(embedded, tmp_path):
            await receiver.until(lambda: complete(receiver, expected))


def self_signed(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost that only its own file vouches for, and a server with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    (folder / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return folder / "server.pem", context


@pytest.mark.long
async def test_two_processes_share_the_partitions_and_keep_the_order(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    async with receiving() as receiver:
        write(tmp_path, to(receiver.url))
        expected = await conversations(embedded, 20)
        with hooks(embedded, tmp_path) as one:
            await receiver.until(lambda: len(receiver.taken) >= 10)
            with hooks(embedded, tmp_path) as two:
                expected |= await conversations(embedded, 20, first=20)
                await receiver.until(lambda: complete(receiver, expected), 60)
                await settled(embedded)
                assert (one.stop(), two.stop()) == (0, 0)
    assert len({got.id for got in receiver.taken}) == 120


@pytest.mark.long
async def test_it_ends_when_told_to_though_kafka_and_the_receiver_are_away(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        await ensure_topics(broker.bootstrap)
        await conversations(broker.bootstrap, 2)
        async with receiving(lambda _: None) as receiver:
            write(tmp_path, to(receiver.url, "timeout_s: 20", retry="{first_s: 0.1, longest_s: 0.1, give_up_s: 0.1}"))
            with hooks(broker.bootstrap, tmp_path) as one:
                await receiver.until(lambda: len(receiver.got) == 2)
                broker.stop()
                assert await asyncio.to_thread(one.stop) == 0, one.said()


@pytest.mark.long
@pytest.mark.apache
async def test_one_of_three_brokers_may_die(apache_three: Cluster, tmp_path: Path) -> None:
    broker = apache_three.bootstrap
    await ensure_topics(broker)
    expected = await conversations(broker, 10)
    async with receiving() as receiver:
        write(tmp_path, to(receiver.url))
        with hooks(broker, tmp_path) as one:
            await receiver.until(lambda: complete(receiver, expected))
            apache_three.nodes[1].kill()
            expected |= await conversations(broker, 10, first=10)
            await receiver.until(lambda: complete(receiver, expected), 60)
            assert one.process.poll() is None, one.said()
