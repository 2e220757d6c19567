"""One real worker on a real broker, on the embedded one and on Apache Kafka."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, DECISIONS, HANDOFFS, PARTITIONS, RESOLUTIONS
from handrail.streams.engine.topics import ensure_topics
from tests.desk import resolution
from tests.log import Log
from tests.oracle import compare
from tests.topics import Wire, data, read
from tests.workers import Worker, worker

POLICIES = Path(__file__).resolve().parents[2] / "handrail" / "demo" / "policies"


def refund(conversation: str, amount: int, number: int = 0) -> dict[str, Any]:
    log = Log(conversation)
    arguments = {"order_id": f"#{number}", "amount": amount}
    return log.event(
        "action.proposed", id=f"e{number}", action_id=f"a{number}", tool="issue_refund", arguments=arguments
    )


async def test_a_proposal_is_decided_and_handed_off(broker: str, tmp_path: Path) -> None:
    with worker(broker, tmp_path, "--policies", str(POLICIES)):
        async with Wire(broker, DECISIONS, HANDOFFS) as wire:
            await wire.publish(refund("conv-1", 900))
            found = {record.topic: data(record) for record in await wire.until(2)}
    assert found[DECISIONS]["verdict"] == "block"
    assert found[HANDOFFS]["kind"] == "escalation"


async def test_an_approval_comes_back_as_a_release(broker: str, tmp_path: Path) -> None:
    with worker(broker, tmp_path, "--policies", str(POLICIES)):
        async with Wire(broker, DECISIONS, HANDOFFS) as wire:
            await wire.publish(refund("conv-1", 300))
            found = {record.topic: data(record) for record in await wire.until(2)}
            assert found[DECISIONS]["verdict"] == "require_approval"
            await wire.publish(
                resolution(found[HANDOFFS], "approved", action_digest=found[HANDOFFS]["pending"]["action_digest"]),
                RESOLUTIONS,
            )
            released = next(data(record) for record in await wire.until(2) if record.topic == DECISIONS)
    assert (released["kind"], released["verdict"]) == ("release", "allow")
    assert released["action_digest"] == found[DECISIONS]["action_digest"]


def mutated(change: dict[str, Any]) -> bytes:
    return orjson.dumps(refund("conv-1", 50, 7) | change)


BAD = {
    "truncated JSON": mutated({})[:100],
    "a wrong type": mutated({"id": 7}),
    "5 MB": b'{"specversion":"' + b"x" * 5_000_000,
    "an unknown event type": mutated({"type": "handrail.action.dreamt.v1"}),
    "no conversation_id": mutated({"data": {"agent_id": "refunds"}}),
    "invalid UTF-8": mutated({}).replace(b"refunds", b"ref\xffnds"),
    "duplicate keys": mutated({}).replace(b'"amount":50', b'"amount":50,"amount":900'),
    "NaN": mutated({}).replace(b'"amount":50', b'"amount":NaN'),
    "nesting of 100,000": mutated({}).replace(b'"amount":50', b'"amount":' + b"[" * 100_000 + b"]" * 100_000),
    "a number of 5,000 digits": mutated({}).replace(b'"amount":50', b'"amount":' + b"9" * 5_000),
}


async def test_bad_records_are_kept_with_one_line_each_and_the_worker_goes_on(broker: str, tmp_path: Path) -> None:
    with worker(broker, tmp_path, "--policies", str(POLICIES)) as one:
        async with Wire(broker, DEADLETTERS) as letters, Wire(broker, DECISIONS) as decisions:
            for value in BAD.values():
                await letters.raw(b"conv-1", value)
            wrong = (1 + (await placed(letters, decisions))) % PARTITIONS
            await letters.raw(b"conv-1", mutated({"id": "elsewhere"}), partition=wrong)
            await letters.publish(refund("conv-1", 60, 0))
            found = await letters.until(len(BAD) + 2)
        assert one.process.poll() is None
    reasons = {record.value: dict(record.headers)["handrail-reason"].decode() for record in found}
    assert {record.value for record in found} >= set(BAD.values())
    assert all("\n" not in reason and len(reason) <= 500 for reason in reasons.values())
    assert any("murmur2" in reason for reason in reasons.values())
    assert any("came before with other content" in reason for reason in reasons.values())
    verdict = await compare(broker, PARTITIONS)
    assert (verdict.lost, verdict.wrong) == ([], [])


async def placed(letters: Wire, decisions: Wire) -> int:
    """The partition of conv-1, as its first decision shows."""
    await letters.publish(refund("conv-1", 50, 0))
    return int((await decisions.next()).partition)


async def test_a_stopped_worker_ends_with_0_and_its_successor_remembers(broker: str, tmp_path: Path) -> None:
    await ensure_topics(broker)
    async with Wire(broker, DECISIONS) as wire:
        with worker(broker, tmp_path, "--policies", str(POLICIES)) as first:
            for number in range(2):
                await wire.publish(refund("conv-1", 20, 100) | {"id": f"first-{number}"})
            await wire.until(2)
            assert first.stop() == 0, first.said()
        with worker(broker, tmp_path, "--policies", str(POLICIES)):
            await wire.publish(refund("conv-1", 20, 100) | {"id": "third"})
            third = data(await wire.next())
    assert [reason["code"] for reason in third["reasons"]] == ["loop.repeat"]
    verdict = await compare(broker, PARTITIONS)
    assert (verdict.lost, verdict.wrong, verdict.copies) == ([], [], 0)


async def test_a_second_start_with_the_same_policies_activates_nothing_again(broker: str, tmp_path: Path) -> None:
    for _ in range(2):
        with worker(broker, tmp_path, "--policies", str(POLICIES)) as one:
            assert one.stop() == 0, one.said()
    assert len(await read(broker, AGENT_EVENTS, PARTITIONS)) == PARTITIONS


async def test_other_policies_are_active_after_a_start_with_them(broker: str, tmp_path: Path) -> None:
    with worker(broker, tmp_path, "--policies", str(POLICIES)) as one:
        one.stop()
    strict = tmp_path / "strict"
    strict.mkdir()
    (strict / "none.yaml").write_text(
        "id: none\nname: none\ndescription: d\ncategory: c\n"
        "rules:\n  version: 1\n  default_action: block\n  rules: []\n"
    )
    with worker(broker, tmp_path, "--policies", str(strict)):
        async with Wire(broker, DECISIONS) as wire:
            await wire.publish(refund("conv-1", 20))
            assert data(await wire.next())["verdict"] == "block"


async def test_an_approval_that_nobody_answers_expires_by_itself(broker: str, tmp_path: Path) -> None:
    """No further event comes: the owner of the partition writes that time has passed."""
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    limits = policies / "limits.yaml"
    limits.write_text(limits.read_text() + "  approval_ttl_s: 2\n")
    with worker(broker, tmp_path, "--policies", str(policies)) as one:
        async with Wire(broker, DECISIONS) as wire:
            await wire.publish(refund("conv-1", 300))
            assert data(await wire.next())["verdict"] == "require_approval"
            released = data(await wire.next())
        assert one.stop() == 0, one.said()
    assert (released["kind"], released["verdict"]) == ("release", "block")
    assert next(reason["code"] for reason in released["reasons"]) == "approval.expired"
    ticks = [r for r in await read(broker, AGENT_EVENTS, PARTITIONS) if b"handrail.control.tick.v1" in r.value]
    assert 1 <= len(ticks) <= 3
    verdict = await compare(broker, PARTITIONS)
    assert (verdict.lost, verdict.wrong) == ([], [])


@pytest.mark.parametrize("address", ["127.0.0.1:1"])
def test_a_broker_that_is_not_there_is_one_line(address: str, tmp_path: Path) -> None:
    one = Worker(address, tmp_path / "worker.log")
    assert one.process.wait(60) == 2
    assert one.said().strip().count("\n") == 0
    assert address in one.said()
