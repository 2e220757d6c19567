"""Dead letters go back into the log they came from: decided once, with their identity, and where they lay is known."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord
from click.testing import CliRunner, Result

from handrail.audit import redrive
from handrail.cli import main
from handrail.schemas.errors import EngineError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, DECISIONS, PARTITIONS, RESOLUTIONS
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.topics import ensure_topics
from tests.bundles import REFUNDS, TOOLS, written
from tests.groups import behind, workers_group
from tests.log import Log
from tests.oracle import compare
from tests.topics import read
from tests.workers import worker

pytestmark = pytest.mark.kafka
SETTLE_S_MAX = 60
KEY = b"conv-1"
RIGHT = partition_of(KEY, PARTITIONS)
WRONG = (RIGHT + 1) % PARTITIONS
HEADERS = (("content-type", b"application/cloudevents+json"), ("x-trace", b"\x00\xff"), ("x-trace", b"again"))


class Governed:
    """A broker with a worker, and the command against it."""

    def __init__(self, broker: str) -> None:
        self.broker = broker

    def run(self, *arguments: str, status: int = 0) -> Result:
        done = CliRunner().invoke(main, ["deadletters", *arguments, "--bootstrap", self.broker])
        assert done.exit_code == status, done.output
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def send(self, topic: str, partition: int, *rows: Row) -> None:
        """Write the rows, and wait until a worker has taken them."""

        async def sent() -> None:
            async with Producer(self.broker) as producer:
                await producer.write(topic, partition, rows)

        asyncio.run(sent())
        self.settle()

    def settle(self) -> None:
        async def settled() -> None:
            async with asyncio.timeout(SETTLE_S_MAX):
                while await behind(self.broker, workers_group(), PARTITIONS):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)  # no broker tells when

        asyncio.run(settled())

    def records(self, topic: str) -> list[ConsumerRecord]:
        return asyncio.run(read(self.broker, topic, PARTITIONS))

    def decided(self) -> list[dict[str, Any]]:
        return [orjson.loads(record.value)["data"] for record in self.records(DECISIONS)]


@pytest.fixture
def policies(tmp_path: Path) -> str:
    return str(written(tmp_path / "policies", refunds=REFUNDS, tools=TOOLS))


def row(number: int, amount: int = 50) -> Row:
    event = Log("conv-1").event(
        "action.proposed", id=f"e{number}", action_id=f"a{number}", tool="refund", arguments={"amount": amount}
    )
    return Row(KEY, orjson.dumps(event), HEADERS)


@pytest.mark.long
def test_what_lay_in_a_wrong_partition_is_redriven_and_decided_once(
    broker: str, tmp_path: Path, policies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(ensure_topics(broker))
    governed = Governed(broker)
    with worker(broker, tmp_path, "--policies", policies) as one:
        governed.send(AGENT_EVENTS, WRONG, row(1, 900), row(2), row(3), Row(KEY, b'{"broken', HEADERS), Row(KEY, None))
        listed = governed.json("list")
        assert [one["redriven"] for one in listed] == [None] * 5
        assert governed.decided() == []
        places = [f"{one['partition']}:{one['offset']}" for one in listed]

        only_one(governed, places[0])
        a_dry_run_writes_nothing(governed)
        all_the_others_in_their_order(governed, places)
        twice_is_once(governed, places)
        cut_off_before_the_note(governed, monkeypatch)
        what_is_still_bad_names_its_first_place(governed, listed)
        assert one.stop() == 0, one.said()
    verdict = asyncio.run(compare(broker, PARTITIONS))
    assert (verdict.lost, verdict.wrong) == ([], []), str(verdict)


def only_one(governed: Governed, place: str) -> None:
    (done,) = governed.json("redrive", place)
    governed.settle()
    assert done["done"] == "redriven"
    (found,) = [record for record in governed.records(AGENT_EVENTS) if place_of(record) == done["to"]]
    letter = next(record for record in governed.records(DEADLETTERS) if f"{record.partition}:{record.offset}" == place)
    assert (found.partition, found.key, found.value) == (RIGHT, KEY, letter.value)
    assert tuple(found.headers) == (
        *HEADERS,
        ("handrail-redriven-from", f"{DEADLETTERS}[{letter.partition}]@{letter.offset}".encode()),
        ("handrail-first-place", f"{AGENT_EVENTS}[{WRONG}]@{done['from']['offset']}".encode()),
    )
    assert [(one["for"]["id"], one["verdict"]) for one in governed.decided()] == [("e1", "block")]
    to = re.escape(done["to"])
    assert re.search(rf"^redriven +{to} at \d{{4}}-", governed.run("show", place).stdout, re.MULTILINE)
    assert [one["redriven"] and one["redriven"]["to"] for one in governed.json("list")] == [done["to"], *[None] * 4]
    assert "redriven" in governed.run("list").stdout.splitlines()[0]


def place_of(record: ConsumerRecord) -> str:
    return f"{record.topic}[{record.partition}]@{record.offset}"


def a_dry_run_writes_nothing(governed: Governed) -> None:
    before = len(governed.records(AGENT_EVENTS)), len(governed.records(DEADLETTERS))
    told = governed.run("redrive", "--all", "--dry-run", "--reason", "MURMUR2")
    assert f"conv-1 would go to {AGENT_EVENTS}[{RIGHT}]" in told.stdout
    assert "2 would be redriven, 0 were before" in told.stderr
    assert (len(governed.records(AGENT_EVENTS)), len(governed.records(DEADLETTERS))) == before


def all_the_others_in_their_order(governed: Governed, places: list[str]) -> None:
    done = governed.run("redrive", "--all", "--reason", "murmur2")
    governed.settle()
    assert [line.split()[0] for line in done.stdout.splitlines()] == places[1:3]
    assert [one["for"]["id"] for one in governed.decided()] == ["e1", "e2", "e3"]


def twice_is_once(governed: Governed, places: list[str]) -> None:
    before = len(governed.records(AGENT_EVENTS)), len(governed.records(DEADLETTERS))
    again = governed.run("redrive", *places[:3])
    assert "0 redriven, 3 were before" in again.stderr
    assert "0 redriven, 0 were before" in governed.run("redrive", "--all", "--reason", "murmur2").stderr
    assert (len(governed.records(AGENT_EVENTS)), len(governed.records(DEADLETTERS))) == before


def cut_off_before_the_note(governed: Governed, patch: pytest.MonkeyPatch) -> None:
    """A run that ends between its two writes is carried on by the next one; nothing is written twice."""
    governed.send(AGENT_EVENTS, WRONG, row(4))
    with patch.context() as cut:
        cut.setattr(redrive, "_note_row", cut_off)
        governed.run("redrive", "--all", "--reason", "murmur2", status=1)
    before = len(governed.records(AGENT_EVENTS))
    (done,) = governed.json("redrive", "--all", "--reason", "murmur2")
    assert (done["done"], len(governed.records(AGENT_EVENTS))) == ("before", before)
    governed.settle()
    assert [one["for"]["id"] for one in governed.decided()] == ["e1", "e2", "e3", "e4"]
    assert governed.json("redrive", "--all", "--reason", "murmur2") == []


def cut_off(*_: object) -> None:
    raise EngineError("cut off")


def what_is_still_bad_names_its_first_place(governed: Governed, listed: list[dict[str, Any]]) -> None:
    first = {f"{AGENT_EVENTS}[{WRONG}]@{one['from']['offset']}" for one in listed[3:]}
    for _ in range(2):
        done = governed.json("redrive", "--all")
        governed.settle()
        assert {one["first_place"] for one in done} == first
        assert [one["key"] for one in done] == ["conv-1"] * 2
    letters = [one for one in governed.json("list") if one["first_place"] in first]
    assert [letter["redriven"] is None for letter in letters] == [False, False, False, False, True, True]
    assert {letter["first_place"] for letter in letters[-2:]} == first
    assert {letter["bytes"] for letter in letters} == {len(b'{"broken'), 0}
    redriven = [
        record for record in governed.records(AGENT_EVENTS) if dict(record.headers).get("handrail-redriven-from")
    ]
    assert [event.value for event in redriven[-4:]] == [b'{"broken', None] * 2
    assert all(event.partition == RIGHT for event in redriven)


def test_a_resolution_goes_back_to_the_topic_of_resolutions(broker: str, tmp_path: Path, policies: str) -> None:
    asyncio.run(ensure_topics(broker))
    governed = Governed(broker)
    with worker(broker, tmp_path, "--policies", policies) as one:
        governed.send(AGENT_EVENTS, RIGHT, row(1, 300))
        (asked,) = governed.decided()
        event = {
            "specversion": "1.0",
            "id": "r1",
            "source": "/desk",
            "type": "handrail.resolution.v1",
            "subject": "conv-1",
            "time": "2026-11-23T10:20:00Z",
            "data": {
                "handoff_id": asked["handoff_id"],
                "conversation_id": "conv-1",
                "outcome": "approved",
                "by": {"id": "desk-1"},
                "at": "2026-11-23T10:20:00Z",
            },
        }
        governed.send(RESOLUTIONS, WRONG, Row(KEY, orjson.dumps(event)))
        (letter,) = governed.json("list")
        assert letter["from"]["topic"] == RESOLUTIONS
        (done,) = governed.json("redrive", f"{letter['partition']}:{letter['offset']}")
        assert done["to"].startswith(f"{RESOLUTIONS}[{RIGHT}]@")
        governed.settle()
        assert [(one["kind"], one["verdict"]) for one in governed.decided()][1:] == [("release", "allow")]
        assert one.stop() == 0, one.said()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "name places, such as 2:17 (see `list`), or give --all"),
        (("--reason", "murmur2"), 2, "name places, such as 2:17 (see `list`), or give --all"),
        (("--all", "0:1"), 2, "name places, such as 2:17 (see `list`), or give --all"),
        (("2/17",), 2, "'2/17': give PARTITION:OFFSET, such as 2:17"),
        (("0:99",), 1, "governance.deadletters.v1[0] offset 99: nothing lies there"),
    ],
)
def test_nothing_is_redriven_that_was_not_named(
    embedded: str, arguments: tuple[str, ...], status: int, said: str
) -> None:
    asyncio.run(ensure_topics(embedded))
    done = Governed(embedded).run("redrive", *arguments, status=status)
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_only_the_two_topics_of_records_are_written(embedded: str) -> None:
    asyncio.run(ensure_topics(embedded))
    governed = Governed(embedded)

    async def planted() -> None:
        async with Producer(embedded) as producer:
            headers = [
                ("handrail-topic", b"human.handoffs.v1"),
                ("handrail-partition", b"0"),
                ("handrail-offset", b"0"),
            ]
            await producer.write(DEADLETTERS, 0, [Row(b"k", b"v", headers)])

    asyncio.run(planted())
    done = governed.run("redrive", "--all", status=2)
    assert "only agent.events.v1 and human.resolutions.v1 can be redriven" in done.stderr
