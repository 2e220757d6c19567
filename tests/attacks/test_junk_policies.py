"""Whatever lies on the topic of the bundles stops nobody: it is passed over, told once, and can be taken off."""

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from handrail.cli import main
from handrail.policies import load_bundle
from handrail.schemas.canonical import canonical
from handrail.schemas.keys import SigningKey
from handrail.schemas.topics import ALERTS, DECISIONS, PARTITIONS, POLICIES
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.producer import Producer
from handrail.streams.keys import new_key
from tests.bundles import REFUNDS, written
from tests.log import Log
from tests.topics import Wire, data, read
from tests.workers import Worker, worker

pytestmark = pytest.mark.kafka
SOON_S = 30.0
STRICT = REFUNDS.replace("value: 500", "value: 5").replace("value: 100", "value: 5")


def named(value: bytes) -> bytes:
    return b"sha256:" + sha256(value).hexdigest().encode()


def document(**files: str) -> bytes:
    return canonical({"semantics": 2, "files": {f"{name}.yaml": text for name, text in files.items()}})


def hashed(value: bytes) -> tuple[bytes, bytes]:
    """A record whose key is right: only its content is not."""
    return named(value), value


OTHER_KEY = b"sha256:" + b"0" * 64
JUNK: dict[str, tuple[bytes | None, bytes | None]] = {
    "no JSON": (OTHER_KEY, b"\xff\xfe{"),
    "no bundle": (b"sha256:0", b"no bundle"),
    "another shape": hashed(b'["bundle"]'),
    "null": hashed(b"null"),
    "a number": hashed(b"7"),
    "files that are no texts": hashed(canonical({"semantics": 2, "files": {"a.yaml": 7}})),
    "another semantics": hashed(canonical({"semantics": 3, "files": {}})),
    "an older semantics": hashed(canonical({"semantics": 1, "files": {}})),
    "no semantics": hashed(b"{}"),
    "a policy with mistakes": hashed(document(refunds="id: refunds\nrules: {}\n")),
    "yaml without an end": hashed(document(refunds="[" * 100_000)),
    "json without an end": hashed(b"[" * 100_000 + b"]" * 100_000),
    "a name that leaves the folder": hashed(document(**{"../../evil": "x"})),
    "the same key twice": hashed(b'{"files":{},"files":{"a.yaml":"x"},"semantics":2}'),
    "not a number": hashed(b'{"files":{},"semantics":NaN}'),
    "another bundle's key": (OTHER_KEY, document(refunds=REFUNDS)),
    "another spelling of a bundle": (named(document()), b'{ "files": {}, "semantics": 2 }'),
    "a key that is no text": (b"\xff\xfe\x00", b"{}"),
    "no key": (None, b"{}"),
    "an empty value": (OTHER_KEY, b""),
    "a tombstone of nothing": (OTHER_KEY, None),
    "a large one": hashed(b'{"semantics":2,"files":{"a.yaml":"' + b"x" * 7_500_000 + b'"}}'),
}


async def put(broker: str, key: bytes | None, value: bytes | None, **headers: bytes) -> int:
    """Somebody writes to the topic; the offset."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all", max_request_size=9_500_000)
    await producer.start()
    try:
        given = [(name.replace("_", "-"), one) for name, one in headers.items()]
        offset: int = (await producer.send_and_wait(POLICIES, value, key=key, partition=0, headers=given)).offset
        return offset
    finally:
        await producer.stop()


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


async def told(*words: str) -> Result:
    return await asyncio.to_thread(run, *words)


async def verdict(wire: Wire, conversation: str, amount: int = 50) -> str:
    log = Log(conversation)
    log.proposes("refund", event_id=f"e{amount}", action_id=f"a{amount}", amount=amount)
    await wire.publish_all(log.records)
    found: str = data(await wire.next())["verdict"]
    return found


async def alerts(broker: str) -> list[dict[str, Any]]:
    return [data(record) for record in await read(broker, ALERTS, PARTITIONS)]


@pytest.fixture(params=[True, False], ids=["signed", "unsigned"])
async def options(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[str]]:
    """What a worker, and a person, say of their key."""
    if not request.param:
        yield []
        return
    new_key(tmp_path / "signing.key")
    yield ["--key", str(tmp_path / "signing.key")]


def rules(tmp_path: Path, text: str = REFUNDS, name: str = "ours") -> str:
    return str(written(tmp_path / name, refunds=text))


@pytest.mark.long
async def test_nothing_on_the_topic_stops_anybody(embedded: str, tmp_path: Path, options: list[str]) -> None:
    policies = rules(tmp_path)
    with worker(embedded, tmp_path, "--policies", policies, *options) as first:
        assert first.stop() == 0
    for key, value in JUNK.values():
        await put(embedded, key, value)
    late = Worker(embedded, tmp_path / "late.log", *options)
    try:
        await asyncio.to_thread(late.wait_ready)
        async with Wire(embedded, DECISIONS) as wire:
            assert await verdict(wire, "conv-1", 400) == "require_approval"
            done = await told("policy", "activate", rules(tmp_path, STRICT, "new"), "--bootstrap", embedded, *options)
            assert (done.exit_code, "in force in 4 partitions" in done.output) == (0, True), done.output
            assert await verdict(wire, "conv-2") == "block"
        for words in (("verify",), ("export", "--all"), ("policy", "withdraw", "0", *options)):
            found = await told(*words, "--bootstrap", embedded)
            assert found.exit_code == 0, (words, found.output)
        looked = await told("doctor", "--bootstrap", embedded, "--json")
        lines = [one["told"] for one in orjson.loads(looked.stdout)["lines"] if one["what"] == "ruleset"]
        assert any("decides" in line for line in lines), lines
        assert late.process.poll() is None
    finally:
        late.kill()
    assert "Traceback" not in late.said()


async def test_a_record_is_passed_over_with_one_line_and_one_alert(embedded: str, tmp_path: Path) -> None:
    with worker(embedded, tmp_path) as first:
        assert first.stop() == 0
    offset = await put(embedded, *JUNK["no JSON"])
    for number in range(2):
        late = Worker(embedded, tmp_path / f"late-{number}.log")
        try:
            await asyncio.to_thread(late.wait_ready)
            await until_said(late, f"{POLICIES}[0] offset {offset} ")
            async with asyncio.timeout(SOON_S):
                while not (found := [one for one in await alerts(embedded) if one["kind"] == "bypass"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)  # no broker tells when
        finally:
            late.stop()
        assert late.said().count(f"offset {offset} ") == 1
        assert [(one["severity"], one["about"]["offset"]) for one in found] == [("medium", offset)]
    done = await told("policy", "withdraw", str(offset), "--bootstrap", embedded)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == f"withdrawn: {OTHER_KEY.decode()}"
    assert f"in force: {load_bundle(None).ruleset} in partitions 0, 1, 2, 3" in done.output
    again = await told("policy", "withdraw", str(offset), "--bootstrap", embedded)
    assert (again.exit_code, "nothing lies under" in again.output) == (1, True)


async def until_said(one: Worker, words: str) -> None:
    async with asyncio.timeout(SOON_S):
        while words not in one.said():  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # no file tells when


@pytest.mark.parametrize("value", [b"junk", None, b""])
async def test_whoever_holds_the_bundle_in_force_writes_it_again(
    embedded: str, tmp_path: Path, options: list[str], value: bytes | None
) -> None:
    policies = rules(tmp_path)
    ruleset = load_bundle(Path(policies)).ruleset
    with worker(embedded, tmp_path, "--policies", policies, *options) as holder:
        spoiled = await put(embedded, ruleset.encode(), value)
        async with asyncio.timeout(SOON_S):
            while (last := (await read(embedded, POLICIES, 1))[-1]).offset == spoiled:  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # no broker tells when
        assert holder.process.poll() is None
        assert last.value == canonical(load_bundle(Path(policies)).document)
        first = (await read(embedded, POLICIES, 1))[0]
        assert (last.key, sorted(last.headers)) == (first.key, sorted(first.headers))
        await compacted_away(embedded, tmp_path, first.offset)


async def compacted_away(broker: str, tmp_path: Path, offset: int) -> None:
    """Without the first record, as after compaction, the bundle is there."""
    bundles = Bundles(broker)
    bundles._next = offset + 1
    await bundles.refresh()
    assert len(await bundles.load_all()) == 1


async def test_a_cold_start_without_any_holder_fails_closed_with_one_line(
    embedded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = rules(tmp_path)
    ruleset = load_bundle(Path(policies)).ruleset
    with worker(embedded, tmp_path, "--policies", policies) as first:
        assert first.stop() == 0
    # As after compaction: the log's only record under that key is somebody else's.
    monkeypatch.setenv("HANDRAIL_BOOTSTRAP", embedded)
    await put(embedded, ruleset.encode(), b"junk")
    bundles = Bundles(embedded)
    bundles._next = 1
    await bundles.refresh()
    assert not await bundles.load(ruleset)
    async with Producer(embedded) as producer:  # whoever starts with the folder mends it
        assert await bundles.publish(producer, load_bundle(Path(policies)))
    assert (await read(embedded, POLICIES, 1))[-1].key == ruleset.encode()


async def test_a_foreign_key_puts_nothing_in_force_and_nobody_says_so(embedded: str, tmp_path: Path) -> None:
    ours, foreign = tmp_path / "signing.key", tmp_path / "foreign.key"
    new_key(ours), new_key(foreign)
    with worker(embedded, tmp_path, "--key", str(ours), "--policies", rules(tmp_path)):
        new = rules(tmp_path, STRICT, "new")
        done = await told("policy", "activate", new, "--bootstrap", embedded, "--key", str(foreign))
        assert done.exit_code == 1
        assert "is in force" not in done.output
        assert "does not decide in partitions 0, 1, 2, 3: data.key_id: " in done.output
        assert "may not sign controls here" in done.output
        looked = await told("doctor", "--bootstrap", embedded, "--json", "--policies", new)
        lines = [one for one in orjson.loads(looked.stdout)["lines"] if one["what"] == "ruleset"]
        held = load_bundle(tmp_path / "ours").ruleset
        assert [one["status"] for one in lines] == ["warn", "warn"]
        assert lines[0]["told"].startswith(f"{held} decides")
        assert "no key that counts here vouches for it" in lines[1]["told"]
        async with Wire(embedded, DECISIONS) as wire:
            assert await verdict(wire, "conv-1") == "allow"
    with worker(embedded, tmp_path, "--key", str(ours)):
        async with Wire(embedded, DECISIONS) as wire:
            assert await verdict(wire, "conv-2") == "allow"


async def test_without_a_worker_nobody_says_in_force(embedded: str, tmp_path: Path) -> None:
    with worker(embedded, tmp_path) as first:
        assert first.stop() == 0
    done = await told("policy", "activate", rules(tmp_path), "--bootstrap", embedded, "--wait-s", "0.5")
    assert done.exit_code == 1
    assert done.output.strip().endswith("does not decide in partitions 0, 1, 2, 3: no worker has answered")
    with worker(embedded, tmp_path):
        again = await told("policy", "activate", str(tmp_path / "ours"), "--bootstrap", embedded)
        assert again.output.endswith("is in force already\n")


async def test_an_old_record_that_comes_again_is_not_the_newest(embedded: str, tmp_path: Path) -> None:
    """A vouched bundle of before, copied with its headers, would else be put in force by the next worker."""
    key = tmp_path / "signing.key"
    new_key(key)
    options = ("--key", str(key))
    with worker(embedded, tmp_path, "--policies", rules(tmp_path, REFUNDS), *options) as first:
        assert first.stop() == 0
    with worker(embedded, tmp_path, "--policies", rules(tmp_path, STRICT, "new"), *options) as second:
        assert second.stop() == 0
    old = (await read(embedded, POLICIES, 1))[0]
    headers = dict(old.headers)
    await put(embedded, old.key, old.value, **headers)
    later = b"%d" % (int(headers["handrail-published"]) + 10**9)
    await put(embedded, old.key, old.value, **{**headers, "handrail-published": later})
    with worker(embedded, tmp_path, *options):
        async with Wire(embedded, DECISIONS) as wire:
            assert await verdict(wire, "conv-1") == "block"


async def test_a_bundle_in_force_is_not_withdrawn_and_a_stranger_withdraws_nothing(
    embedded: str, tmp_path: Path
) -> None:
    key = tmp_path / "signing.key"
    new_key(key)
    policies = rules(tmp_path)
    ruleset = load_bundle(Path(policies)).ruleset
    command = ("policy", "withdraw", ruleset, "--bootstrap", embedded)
    with worker(embedded, tmp_path, "--key", str(key), "--policies", policies):
        refused = await told(*command, "--key", str(key))
        assert refused.exit_code == 1
        assert "is in force in partitions 0, 1, 2, 3: activate another one first" in refused.output
        new = rules(tmp_path, STRICT, "new")
        assert (await told("policy", "activate", new, "--bootstrap", embedded, "--key", str(key))).exit_code == 0
        without = await told(*command)
        assert (without.exit_code, "give --key FILE" in without.output) == (2, True)
        done = await told(*command, "--key", str(key), "--json")
        assert orjson.loads(done.stdout) == {
            "withdrawn": ruleset,
            "in_force": {str(number): load_bundle(Path(new)).ruleset for number in range(4)},
        }
    await put(embedded, load_bundle(Path(new)).ruleset.encode(), None)
    with worker(embedded, tmp_path, "--key", str(key)):
        async with Wire(embedded, DECISIONS) as wire:
            assert await verdict(wire, "conv-1") == "block"


async def test_a_flood_is_told_in_few_lines(embedded: str, tmp_path: Path) -> None:
    with worker(embedded, tmp_path) as first:
        assert first.stop() == 0
    producer = AIOKafkaProducer(bootstrap_servers=embedded)
    await producer.start()
    sent = [await producer.send(POLICIES, b"x", key=b"junk-%d" % number, partition=0) for number in range(5_000)]
    await asyncio.gather(*sent)
    await producer.stop()
    late = Worker(embedded, tmp_path / "late.log")
    try:
        await asyncio.to_thread(late.wait_ready)
        await until_said(late, "4,980 more records are passed over")
        async with Wire(embedded, DECISIONS) as wire:
            assert await verdict(wire, "conv-1") == "allow"
    finally:
        late.kill()
    assert len(late.said().splitlines()) < 30


async def test_a_number_in_the_future_is_nobodys(embedded: str, tmp_path: Path) -> None:
    with worker(embedded, tmp_path, "--policies", rules(tmp_path)) as first:
        assert first.stop() == 0
    await put(embedded, *hashed(document(refunds=STRICT)), handrail_published=b"9" * 18)
    await put(embedded, *hashed(document(refunds=STRICT + " ")), handrail_published=b"\xb2")
    bundles = Bundles(embedded)
    await bundles.refresh()
    assert "its number lies in the future" in [one.why for one in bundles.passed]
    async with Producer(embedded) as producer:
        assert await bundles.publish(producer, load_bundle(None), SigningKey(b"x" * 32))
    assert bundles.newest == load_bundle(None).ruleset
    assert json.loads(dict((await read(embedded, POLICIES, 1))[-1].headers)["handrail-signature"])["key_id"]
