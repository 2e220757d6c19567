"""`handrail verify`, `export`, `replay` and `deadletters` over a log that a real worker decided."""

import asyncio
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import RecordsToDelete
from click.testing import CliRunner, Result

from handrail.audit import parallel
from handrail.cli import main
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, DECISIONS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from tests.brokers import admin_of
from tests.bundles import REFUNDS, TOOLS, written
from tests.crash.load import traffic
from tests.groups import behind, workers_group
from tests.log import Log
from tests.topics import Wire, read
from tests.workers import worker

pytestmark = pytest.mark.kafka
SEED, CONVERSATIONS, TURNS = 20261126, 12, 12
SETTLE_S_MAX = 60
LIMITS = "agents:\n  hasty: {approval_ttl_s: 1}\n"
BROKEN = b'{"broken \xff'


class Audited:
    """A log that is decided; the worker has ended."""

    def __init__(self, broker: str, folder: Path) -> None:
        self.broker, self.folder = broker, folder

    def run(self, *arguments: str) -> Result:
        """`handrail ARGUMENTS`, on the broker."""
        return CliRunner().invoke(main, [*arguments, "--bootstrap", self.broker])

    def verify(self, status: int) -> dict[str, Any]:
        done = self.run("verify", "--json", "--wait-s", "0")
        assert done.exit_code == status, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def chain(self, status: int) -> dict[str, Any]:
        done = self.run("verify", "--chain", "--json")
        assert done.exit_code == status, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def decisions(self) -> list[ConsumerRecord]:
        return asyncio.run(read(self.broker, DECISIONS, PARTITIONS))

    def publish(self, key: bytes, value: bytes, topic: str, partition: int | None = None) -> None:
        async def send() -> None:
            async with Wire(self.broker) as wire:
                await wire.raw(key, value, topic, partition)

        asyncio.run(send())

    def again(self, record: ConsumerRecord, **changes: Any) -> None:
        """The decision once more on its topic, changed."""
        event = orjson.loads(record.value)
        event["data"].update(changes)
        self.publish(record.key, orjson.dumps(event), DECISIONS, record.partition)


async def load(broker: str) -> None:
    """Traffic, bad input, and an approval that expires by time alone; all of it decided."""
    hasty = Log("conv-hasty", agent="hasty")
    hasty.proposes("refund", amount=300)
    async with Wire(broker, DECISIONS) as wire, asyncio.timeout(SETTLE_S_MAX):
        await wire.publish_all([*traffic(SEED, CONVERSATIONS, TURNS), *hasty.records])
        await wire.raw(b"conv-hasty", BROKEN)
        misplaced = Log("conv-misplaced")
        event = orjson.dumps(misplaced.query("Where is my parcel?"))
        for number in range(PARTITIONS):
            await wire.raw(b"conv-misplaced", event, partition=number)
        while b'"kind":"release"' not in (await wire.next(SETTLE_S_MAX)).value:
            pass
        while await behind(broker, workers_group(), PARTITIONS):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # no broker tells when


@pytest.fixture
def audited(broker: str, tmp_path: Path) -> Audited:
    policies = written(tmp_path / "policies", refunds=REFUNDS, tools=TOOLS, limits=LIMITS)
    asyncio.run(ensure_topics(broker))
    with worker(broker, tmp_path, "--policies", str(policies)) as one:
        asyncio.run(load(broker))
        assert one.stop() == 0, one.said()
    return Audited(broker, tmp_path)


def test_differences_that_somebody_planted_are_found(audited: Audited) -> None:
    clean = audited.verify(0)
    written = audited.decisions()
    assert clean["same"]
    assert clean["expected"] == clean["found"] == len(written)

    audited.again(written[0])
    audited.again(written[-1])
    copied = audited.verify(0)
    assert (copied["repeats"], copied["found"]) == (2, len(written))

    allowed = next(one for one in written if b'"verdict":"allow"' in one.value)
    audited.again(allowed, verdict="block")
    changed = audited.verify(1)
    told = changed["first_difference"]
    assert (changed["changed"], changed["missing"], changed["foreign"]) == (1, 0, 0)
    assert told["fields"] == [{"field": "data.verdict", "expected": "allow", "found": "block"}]
    assert told["conversation_id"] == allowed.key.decode()
    assert told["event_offset"] == orjson.loads(allowed.value)["data"]["position"]["offset"]
    assert told["decision_offset"] >= len([one for one in written if one.partition == allowed.partition])

    shown = audited.run("verify", "--wait-s", "0")
    assert shown.exit_code == 1
    assert 'verdict       the log gives "allow", the topic has "block"' in shown.stdout
    assert f"handrail export {allowed.key.decode()} --bundle as-decided --bootstrap {audited.broker}" in shown.stdout

    audited.again(written[1], **{"for": {"source": "/agents/refunds", "id": "nobody", "type": "x"}})
    audited.again(written[1], position={"partition": written[1].partition, "offset": 1_000_000})
    assert audited.verify(1)["foreign"] == 2

    log = Log("conv-late")
    log.proposes("get_order", order_id="#1")
    audited.publish(b"conv-late", log.records[0].value or b"", AGENT_EVENTS)
    missing = audited.verify(1)
    assert (missing["changed"], missing["missing"], missing["foreign"]) == (1, 1, 2)


def test_partitions_side_by_side_come_to_the_same(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = audited.decisions()[3]
    audited.again(changed, verdict="halt", usage=None)
    alone = audited.verify(1)
    monkeypatch.setattr(parallel, "WORTH_IT", 0)
    assert audited.verify(1) == alone
    assert alone["changed"] == 1


def test_decisions_are_checked_against_each_other_alone(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    written = audited.decisions()
    clean = audited.chain(0)
    assert (clean["same"], clean["decisions"], clean["later"]) == (True, len(written), 0)
    assert clean["linked"] + clean["repeats"] == len(written)
    audited.again(written[0])
    assert audited.chain(0)["repeats"] == clean["repeats"] + 1

    exported = audited.folder / "d.jsonl"
    exported.write_bytes(audited.run("export", "--all", "--topic", DECISIONS).stdout_bytes)
    file = ["verify", "--chain", "--decisions", str(exported)]
    assert "no break: " in CliRunner().invoke(main, file).stdout
    lines = exported.read_bytes().splitlines(keepends=True)
    gone = next(at for at, line in enumerate(lines) if b'"before":1,' in line)
    name = orjson.loads(lines[gone])["subject"]
    after = next(one for one in map(orjson.loads, lines[gone + 1 :]) if one["subject"] == name)
    exported.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    broken = CliRunner().invoke(main, file)
    assert broken.exit_code == 1
    assert f"governance.decisions.v1[{after['logpartition']}] offset {after['logoffset']}" in broken.stdout
    assert "missing before it: 1 of its conversation, from number 2 on" in broken.stdout

    audited.again(written[5], verdict="halt", route="human")
    planted = audited.chain(1)
    assert planted["breaks"] == 1
    assert planted["first_break"]["conversation_id"] == written[5].key.decode()
    assert planted["first_break"]["decision_offset"] >= len([x for x in written if x.partition == written[5].partition])
    monkeypatch.setattr(parallel, "WORTH_IT", 0)
    assert audited.chain(1) == planted


def test_an_export_is_decided_as_it_was_and_verified_without_a_broker(audited: Audited) -> None:
    written = audited.decisions()
    as_decided, events, decisions = (str(audited.folder / name) for name in ("as-decided", "e.jsonl", "d.jsonl"))
    for name in ("conv-hasty", f"conv-{SEED}-0", f"conv-{SEED}-7"):
        done = audited.run("export", name, "--bundle", as_decided)
        assert done.exit_code == 0, done.stderr
        Path(events).write_bytes(done.stdout_bytes)
        again = CliRunner().invoke(main, ["replay", events, "--policies", as_decided])
        assert again.stderr == ""
        assert [one for line in again.stdout.splitlines() if (one := shown(line.encode(), name))] == [
            one for record in written if (one := shown(record.value, name))
        ]
    assert "1 that are no JSON object" in audited.run("export", "conv-hasty").stderr

    everything = audited.run("export", "--all")
    Path(events).write_bytes(everything.stdout_bytes)
    Path(decisions).write_bytes(audited.run("export", "--all", "--topic", DECISIONS).stdout_bytes)
    assert f"{PARTITIONS - 1} with a wrong key or partition" in everything.stderr
    files = ["verify", "--events", events, "--decisions", decisions]
    assert CliRunner().invoke(main, [*files, "--policies", as_decided]).exit_code == 0
    unknown = CliRunner().invoke(main, files)
    assert (unknown.exit_code, len(unknown.stderr.splitlines())) == (2, 1)
    Path(decisions).write_bytes(b"".join(Path(decisions).read_bytes().splitlines(keepends=True)[1:]))
    assert "1 missing" in CliRunner().invoke(main, [*files, "--policies", as_decided]).stdout


def shown(value: bytes, conversation: str) -> tuple[int, str, str] | None:
    """(offset, decision id, verdict) of a decision about the conversation."""
    event = orjson.loads(value)
    if event["type"] != "handrail.decision.v1" or event["subject"] != conversation:
        return None
    return event["data"]["position"]["offset"], event["data"]["decision_id"], event["data"]["verdict"]


def test_dead_letters_are_listed_and_shown_with_their_bytes(audited: Audited) -> None:
    letters = asyncio.run(read(audited.broker, DEADLETTERS, PARTITIONS))
    listed = json.loads(audited.run("deadletters", "list", "--json", "--limit", "1000").stdout)
    assert sorted((one["partition"], one["offset"]) for one in listed) == [(x.partition, x.offset) for x in letters]
    assert [one["at"] for one in listed] == sorted(one["at"] for one in listed)

    misplaced = json.loads(audited.run("deadletters", "list", "--json", "--reason", "MURMUR2").stdout)
    assert {one["key"] for one in misplaced} == {"conv-misplaced"}
    assert len(misplaced) == PARTITIONS - 1
    newest = audited.run("deadletters", "list", "--limit", "1")
    assert f"the newest 1 of {len(letters):,}" in newest.stderr

    (broken,) = json.loads(audited.run("deadletters", "list", "--json", "--reason", "not UTF-8").stdout)
    place = f"{broken['partition']}:{broken['offset']}"
    table = audited.run("deadletters", "list", "--reason", "not UTF-8")
    assert (place in table.stdout, "conv-hasty" in table.stdout) == (True, True)
    full = audited.run("deadletters", "show", place).stdout
    assert "7b 22 62 72 6f 6b 65 6e 20 ff" in full
    assert f"agent.events.v1[{broken['from']['partition']}] offset {broken['from']['offset']}" in full
    raw = audited.run("deadletters", "show", str(broken["partition"]), str(broken["offset"]), "--raw")
    assert raw.stdout_bytes == BROKEN
    told = json.loads(audited.run("deadletters", "show", place, "--json").stdout)
    assert b64decode(told["value_base64"]) == BROKEN

    nothing = audited.run("deadletters", "show", "0:99999")
    assert (nothing.exit_code, len(nothing.stderr.splitlines())) == (1, 1)


def test_a_live_log_is_verified_while_a_worker_writes(broker: str, tmp_path: Path) -> None:
    asyncio.run(ensure_topics(broker))
    with worker(broker, tmp_path) as one:
        asyncio.run(begun(broker))
        done = CliRunner().invoke(main, ["verify", "--json", "--wait-s", "60", "--bootstrap", broker])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["expected"] > 0
        assert one.process.poll() is None


async def begun(broker: str) -> None:
    """Traffic is on the log; a worker has decided some of it."""
    async with Wire(broker, DECISIONS) as wire:
        await wire.publish_all(record for record in traffic(SEED, 40, 20))
        await wire.next()


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify",),
        ("verify", "--chain"),
        ("export", "conv-1"),
        ("export", "--all"),
        ("deadletters", "list"),
        ("deadletters", "show", "0:0"),
    ],
)
def test_no_broker_is_one_line(arguments: tuple[str, ...]) -> None:
    found = CliRunner().invoke(main, [*arguments, "--bootstrap", "127.0.0.1:1"])
    assert (found.exit_code, len(found.stderr.splitlines())) == (2, 1)
    assert found.stderr.startswith("broker 127.0.0.1:1: ")


@pytest.mark.parametrize("arguments", [("verify",), ("export", "--all"), ("deadletters", "list")])
def test_a_broker_without_the_topics_is_one_line(broker: str, arguments: tuple[str, ...]) -> None:
    found = CliRunner().invoke(main, [*arguments, "--bootstrap", broker])
    assert (found.exit_code, len(found.stderr.splitlines())) == (2, 1)
    assert f"broker {broker}: no topic " in found.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("verify", "--events", "e.jsonl"), "give --events and --decisions together"),
        (("verify", "--policies", "."), "--policies is for exported files"),
        (("verify", "--chain", "--events", "e.jsonl", "--decisions", "d.jsonl"), "give --decisions alone with --chain"),
        (("verify", "--chain", "--events", "e.jsonl"), "give --decisions alone with --chain"),
        (("verify", "--chain", "--decisions", "d.jsonl", "--policies", "."), "--policies is for exported files"),
        (("verify", "--chain", "--decisions", "nowhere.jsonl"), "nowhere.jsonl: No such file"),
        (("export",), "name conversations, or give --all"),
        (("export", "conv-1", "--all"), "name conversations, or give --all"),
        (("export", "--all", "--topic", DECISIONS, "--bundle", "x"), "--bundle goes with agent.events.v1"),
        (("deadletters", "show", "first"), "'first': give PARTITION:OFFSET, such as 2:17"),
        (("deadletters", "show", "0:1", "--raw", "--json"), "give --raw or --json, not both"),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    found = CliRunner().invoke(main, arguments)
    assert (found.exit_code, len(found.stderr.splitlines())) == (2, 1)
    assert said in found.stderr


@pytest.mark.apache
def test_a_log_that_retention_has_cut_is_one_line(apache: str) -> None:
    asyncio.run(ensure_topics(apache))
    asyncio.run(cut(apache))
    found = CliRunner().invoke(main, ["verify", "--bootstrap", apache])
    assert (found.exit_code, len(found.stderr.splitlines())) == (2, 1)
    assert "agent.events.v1[0] starts in the middle, at offset 2: " in found.stderr
    exported = CliRunner().invoke(main, ["export", "--all", "--bootstrap", apache])
    assert (exported.exit_code, len(exported.stdout.splitlines())) == (0, 1)
    assert "starts in the middle: [0] at offset 2" in exported.stderr


async def cut(broker: str) -> None:
    """Three records are in partition 0, of which the first two are gone."""
    log = Log("control")
    async with Wire(broker) as wire, admin_of(broker) as admin:
        for _ in range(3):
            log.control("tick")
            await wire.raw(b"control", log.records[-1].value or b"", partition=0)
        await admin.delete_records({TopicPartition(AGENT_EVENTS, 0): RecordsToDelete(before_offset=2)})
