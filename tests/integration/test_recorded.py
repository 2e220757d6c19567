"""430 recorded conversations of real agents: through the fold alone, and through broker, worker and sink."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import orjson
import pytest
from msgspec.structs import replace

from benchmarks.recorded import IMPORTS, Result, fold, log_of
from handrail.schemas.record import Record
from handrail.schemas.topics import PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from tests import forks
from tests.groups import behind, workers_group
from tests.oracle import compare
from tests.sinks import Sink, sink, stored
from tests.workers import worker

PACKS = Path(__file__).resolve().parents[2] / "handrail" / "policies" / "packs"
CONVERSATIONS, HEAD_BYTES_MAX = 430, 1_200
SETTLE_S_MAX = 120
ASKS = {
    "handrail.action.proposed.v1": "action",
    "handrail.response.proposed.v1": "response",
    "handrail.query.received.v1": "route",
}


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[Path]:
    return sorted((shared / "data" / "tau_trajectories").glob("*.json.gz"))


@pytest.fixture(scope="module")
def log(recordings: list[Path]) -> list[Record]:
    return log_of(recordings)


@pytest.fixture(scope="module")
def result(log: list[Record]) -> Result:
    return fold(log, PACKS)


def test_the_same_log_gives_the_same_bytes(log: list[Record], result: Result) -> None:
    assert fold(log, PACKS).outputs == result.outputs


def test_every_question_gets_exactly_one_decision(log: list[Record], result: Result) -> None:
    asked = Counter()
    for record in log:
        event = orjson.loads(record.value or b"")
        if event["type"] in ASKS:
            asked[event["source"], event["id"], ASKS[event["type"]]] += 1
    decided = Counter()
    for event in result.events():
        data = event["data"]
        if event["type"] == "handrail.decision.v1" and data["kind"] in ASKS.values():
            decided[data["for"]["source"], data["for"]["id"], data["kind"]] += 1
    assert decided == asked
    assert set(asked.values()) == {1}


def test_nothing_recorded_is_a_dead_letter(result: Result) -> None:
    assert not [event for event in result.events() if event["type"] == "handrail.deadletter.v1"]


def test_a_head_stays_small(result: Result) -> None:
    assert len(result.heads) == CONVERSATIONS
    assert max(result.heads.values()) <= HEAD_BYTES_MAX


def test_nor_does_it_grow_on_a_log_of_any_length(log: list[Record]) -> None:
    late = [replace(record, offset=record.offset + 2**40) for record in log]
    assert max(fold(late, PACKS).heads.values()) <= HEAD_BYTES_MAX


def test_an_answer_given_nine_times_is_found(result: Result) -> None:
    codes = Counter(
        reason["code"]
        for event in result.events()
        if event["subject"] == "qwen2.5-7b_airline/38-0"
        for reason in event["data"].get("reasons", ())
    )
    assert codes["loop.response"] >= 7


@pytest.mark.long
@pytest.mark.timeout(400)
def test_all_go_through_broker_worker_and_sink(broker: str, recordings: list[Path], tmp_path: Path) -> None:
    asyncio.run(ensure_topics(broker))
    policies = tmp_path / "policies"
    shutil.copytree(PACKS, policies)
    (policies / "agents.yaml").write_text(IMPORTS)
    with worker(broker, tmp_path, "--policies", str(policies)) as one, sink(broker, tmp_path) as store:
        done = forks.run("handrail", "import", "tau", *map(str, recordings), "--publish", "--bootstrap", broker)
        assert done.returncode == 0, done.stderr
        asyncio.run(settled(broker))
        assert one.stop() == 0, one.said()
        verdict = asyncio.run(compare(broker, PARTITIONS))
        store.wait_until(lambda: stored(store.data, "events") >= verdict.events and rows(store) >= verdict.expected)
        assert store.stop() == 0, store.said()
    print(verdict)
    assert (verdict.lost, verdict.wrong, verdict.copies) == ([], [], 0)
    assert rows(store) == verdict.expected
    assert stored(store.data, "conversations") == CONVERSATIONS


async def settled(broker: str) -> None:
    async with asyncio.timeout(SETTLE_S_MAX):
        while await behind(broker, workers_group(), PARTITIONS):  # noqa: ASYNC110
            await asyncio.sleep(0.2)  # no broker tells when


def rows(store: Sink) -> int:
    return sum(stored(store.data, table) for table in ("decisions", "handoffs", "alerts"))
