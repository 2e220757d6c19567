"""An agent that acts without a decision is under supervision in every partition, whoever was seen where."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from click.testing import CliRunner, Result

from handrail.cli import main
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS, DECISIONS, PARTITIONS
from handrail.streams.governor.mode import MODES_MAX
from handrail.streams.keys import new_key
from tests.bundles import REFUNDS, bundle, refunds, written
from tests.log import Log, Outcome
from tests.oracle import compare
from tests.topics import Wire, data, read
from tests.unit.governor.test_trust import Signed, keys_file, refused
from tests.workers import worker

SUPERVISED = "handrail.control.agent.supervised.v1"
SOON_S = 20.0
HERE = {"partition": 1, "offset": 7}


def name_of(partition: int) -> str:
    """A new conversation of that partition."""
    return next(name for name in iter(lambda: f"conv-{uuid4().hex}", "") if partition_of(name.encode(), 4) == partition)


def codes(outcome: Outcome) -> list[str]:
    return [reason["code"] for reason in outcome.decisions[-1]["reasons"]]


def told(log: Log, agent: str = "refunds", seconds: float = 0) -> None:
    """The control that another partition's owner writes: it saw a bypass so many seconds ago."""
    at = to_rfc3339(log.now_ms + 1000 - int(seconds * 1000))
    log.control("agent.supervised", agent_id=agent, reason="bypass", origin=HERE, at=at)


def asked(log: Log, **more: Any) -> Outcome:
    """A small refund is proposed; what came of the log so far."""
    log.event(
        "action.proposed", f"ask-{len(log.records)}", action_id="a", tool="refund", arguments={"amount": 1}, **more
    )
    return log.fold(refunds())


# --- what the fold makes of it


def test_a_control_of_another_partition_puts_the_agent_under_supervision() -> None:
    log = Log()
    told(log)
    assert codes(asked(log)) == ["agent.mode"]
    assert codes(asked(log, agent_id="ＲＥＦＵＮＤＳ ".strip())) == ["agent.mode"]
    assert codes(asked(log, agent_id="another")) == []


def test_a_person_lifts_it_and_what_was_seen_before_does_not_come_again() -> None:
    log = Log()
    told(log)
    log.control("agent.mode", agent_id="refunds", mode="ai")
    assert codes(asked(log)) == []
    told(log, seconds=30)  # the worker that saw it was slow, or has died and told it once more
    assert codes(asked(log)) == []
    told(log)
    assert codes(asked(log)) == ["agent.mode"]


def test_a_bypass_after_a_persons_word_counts_again() -> None:
    log = Log()
    for _ in range(2):
        log.executes("refund", f"a{len(log.records)}", amount=50)
        assert codes(asked(log)) == ["agent.mode"]
        log.control("agent.mode", agent_id="refunds", mode="ai")
        assert codes(asked(log)) == []


@pytest.mark.parametrize("own", [True, False])
def test_it_never_loosens_what_a_person_has_set(own: bool) -> None:
    log = Log()
    log.control("agent.mode", agent_id="refunds", mode="human")
    log.executes("refund", "a1", amount=50) if own else told(log)
    outcome = asked(log)
    assert (outcome.verdicts[-1], codes(outcome)) == ("block", ["agent.mode"])


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("part", [{"tenant": "default"}, {"intents": ["", "general"]}, {"share": 0.999999}])
def test_a_special_permission_given_before_hides_no_bypass(own: bool, part: dict[str, Any]) -> None:
    log = Log()
    log.control("agent.mode", agent_id="refunds", mode="ai", **part)
    log.executes("refund", "a1", amount=50) if own else told(log)
    assert codes(asked(log)) == ["agent.mode"]
    log.control("agent.mode", agent_id="refunds", mode="ai", **part)
    assert codes(asked(log)) == []


def test_only_what_a_person_set_for_a_part_is_lifted() -> None:
    log = Log()
    told(log)
    log.control("agent.mode", agent_id="refunds", mode="ai", tenant="acme")
    assert codes(asked(log, tenant="acme")) == []
    assert codes(asked(log)) == ["agent.mode"]


def test_names_that_somebody_makes_up_push_out_nothing_that_a_person_set() -> None:
    log = Log()
    log.control("agent.mode", agent_id="refunds", mode="human")
    for number in range(MODES_MAX + 10):
        told(log, agent=f"made-up-{number}")
    assert asked(log).verdicts[-1] == "block"


def test_each_episode_is_told_once_and_again_after_a_crash() -> None:
    log = Log()
    for number in range(5):
        log.executes("refund", f"a{number}", amount=50)
    outcome = log.fold(refunds())
    assert [one.offset for folded in outcome.folded for one in folded.supervisions] == [0]
    log.control("agent.mode", agent_id="refunds", mode="ai")
    log.executes("refund", "b", amount=50)
    log.event("action.executed", action_id="c", agent_id="other", tool="x", arguments={}, status="ok")
    again = [one for folded in log.fold(refunds()).folded for one in folded.supervisions]
    assert [(one.agent_id, one.offset) for one in again] == [("refunds", 0), ("refunds", 6), ("other", 7)]
    whole = [one for folded in log.fold(refunds(), batch=99).folded for one in folded.supervisions]
    assert whole == again


def test_history_and_observed_agents_are_not_told() -> None:
    agents = (
        "recorded_sources: [/agents/refunds]\nagents: {trainee: {enforcement: observe, sources: [/agents/refunds]}}\n"
    )
    log = Log()
    log.executes("refund", "a1", amount=50)
    log.records.clear()
    log.event("action.executed", action_id="a", tool="x", arguments={}, status="ok", recorded=True)
    log.event("action.executed", action_id="b", tool="x", arguments={}, status="ok", agent_id="trainee")
    outcome = log.fold(bundle(agents=agents))
    assert [one for folded in outcome.folded for one in folded.supervisions] == []


# --- who may say it


def saying(signed: Signed, by: str | None, **more: Any) -> list[dict[str, Any]]:
    said = {"agent_id": "refunds", "reason": "bypass", "origin": HERE, "at": "2026-11-23T10:15:02Z", **more}
    return signed.put(signed.control("agent.supervised", by, **said))


def test_a_workers_key_may_raise_supervision_and_nothing_else() -> None:
    keys = keys_file(governor=["controls"], worker=["decisions"], desk=["resolutions"])
    signed = Signed(bundle(refunds=REFUNDS, keys=keys))
    assert signed.begins(brings=None) == []
    for by, why in ((None, "is missing"), ("mallory", "may not sign"), ("desk", "may not sign")):
        assert why in refused(saying(signed, by))
    assert signed.asks() == "allow"
    assert saying(signed, "worker") == []
    assert signed.asks() == "require_approval"
    assert "may not sign controls" in refused(signed.human("worker"))
    lifted = signed.control("agent.mode", "worker", agent_id="refunds", mode="ai")
    assert "may not sign controls" in refused(signed.put(lifted))
    assert signed.asks() == "require_approval"


def test_it_cannot_say_anything_but_supervised() -> None:
    signed = Signed()
    signed.begins()
    assert saying(signed, "governor", mode="ai", tenant="nobody", share=0.0, intents=["none"]) == []
    assert signed.asks() == "require_approval"


@pytest.mark.parametrize(
    "more", [{"at": "2026-13-45T99:99:99Z"}, {"reason": "because"}, {"origin": {}}, {"agent_id": ""}]
)
def test_one_that_cannot_be_read_is_a_dead_letter(more: dict[str, Any]) -> None:
    signed = Signed()
    signed.begins()
    assert [one["topic"] for one in saying(signed, "governor", **more)] == [DEADLETTERS]
    assert signed.asks() == "allow"


def test_it_is_for_one_partition_and_counts_once() -> None:
    signed = Signed()
    signed.begins()
    assert "data.partition: must be 0" in refused(saying(signed, "governor", partition=2))
    event = signed.control(
        "agent.supervised", agent_id="refunds", reason="bypass", origin=HERE, at="2026-11-23T10:15:02Z"
    )
    assert signed.put(event) == []
    assert signed.put(signed.control("agent.mode", agent_id="refunds", mode="ai")) == []
    assert "was written again" in refused(signed.put(event))
    assert signed.asks() == "allow"


# --- through brokers


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


async def verdict(wire: Wire, partition: int) -> str:
    """The verdict on a small refund in a new conversation, and its first code."""
    log = Log(name_of(partition))
    log.proposes("refund", amount=1)
    await wire.publish_all(log.records)
    found = data(await wire.next())
    return found["verdict"] + "".join(f" {one['code']}" for one in found["reasons"][:1])


async def until(wire: Wire, partition: int, wanted: str) -> None:
    """Conversations of this partition are answered so, after a moment at most."""
    async with asyncio.timeout(SOON_S):
        while await verdict(wire, partition) != wanted:
            pass


async def controls(broker: str) -> list[dict[str, Any]]:
    events = [orjson.loads(record.value) for record in await read(broker, AGENT_EVENTS, PARTITIONS)]
    return [event for event in events if event["type"] == SUPERVISED]


async def bypass(wire: Wire, conversation: str) -> None:
    log = Log(conversation)
    log.event(
        "action.executed", id=f"x-{conversation}", action_id="z", tool="refund", arguments={"amount": 900}, status="ok"
    )
    await wire.publish_all(log.records)


@pytest.fixture(params=[True, False], ids=["signed", "unsigned"])
async def governed(
    request: pytest.FixtureRequest, embedded: str, tmp_path: Path
) -> AsyncIterator[tuple[str, list[str]]]:
    """A broker with a worker; what a person adds to commands."""
    options = ["--key", str(tmp_path / "signing.key")] if request.param else []
    if options:
        new_key(tmp_path / "signing.key")
    policies = str(written(tmp_path / "policies", refunds=REFUNDS))
    with worker(embedded, tmp_path, "--policies", policies, *options):
        yield embedded, [*options, "--bootstrap", embedded]


@pytest.mark.kafka
async def test_a_bypass_in_one_partition_supervises_in_all_four(governed: tuple[str, list[str]]) -> None:
    broker, options = governed
    async with Wire(broker, DECISIONS) as wire:
        assert [await verdict(wire, number) for number in range(4)] == ["allow"] * 4
        for seen in (1, 2):  # the second time after a person has lifted it
            for _ in range(3):
                await bypass(wire, name_of(seen))
            for number in range(4):
                await until(wire, number, "require_approval agent.mode")
            found = await controls(broker)
            assert len(found) == 3 * seen
            here = [one["data"]["partition"] for one in found if one["data"]["origin"]["partition"] == seen]
            assert sorted([*here, seen]) == [0, 1, 2, 3]
            lifted = await asyncio.to_thread(run, "control", "mode", "refunds", "ai", *options)
            assert lifted.exit_code == 0, lifted.output
            for number in range(4):
                await until(wire, number, "allow")
    assert len({(event["id"], event["data"]["partition"]) for event in found}) == len(found)
    outcome = await compare(broker, PARTITIONS)
    assert (outcome.lost, outcome.wrong) == ([], [])
    verified = await asyncio.to_thread(run, "verify", "--bootstrap", broker)
    assert verified.exit_code == 0, verified.output


@pytest.mark.kafka
async def test_one_that_is_written_by_somebody_else_supervises_nobody(embedded: str, tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    new_key(file)
    with worker(embedded, tmp_path, "--key", str(file)):
        async with Wire(embedded, DECISIONS) as wire:
            said = {"agent_id": "refunds", "reason": "bypass", "origin": HERE, "at": "2026-11-23T10:15:02Z"}
            event = Log().control("agent.supervised", issuer="/x", seq=1, partition=1, **said)
            await wire.raw(b"control", orjson.dumps(event), partition=1)
            assert await verdict(wire, 1) == "allow"
