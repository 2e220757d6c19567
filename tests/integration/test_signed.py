"""Signatures over a real broker: workers sign, gates and verify hold, and what is not signed changes nothing."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from handrail.cli import main
from handrail.client import Agent, Gate, GateRefused
from handrail.policies import load_bundle
from handrail.schemas.signature import decision_refused
from handrail.schemas.topics import ALERTS, DEADLETTERS, DECISIONS, PARTITIONS
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.producer import Producer
from handrail.streams.keys import new_key, public_path
from tests.bundles import REFUNDS, written
from tests.log import Log
from tests.topics import Wire, data, read
from tests.workers import Worker, worker


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


async def told(*words: str) -> Result:
    """The command, beside what goes on here."""
    return await asyncio.to_thread(run, *words)


async def verdict(wire: Wire, conversation: str, amount: int = 5) -> dict[str, Any]:
    """The decision on a refund."""
    log = Log(conversation=conversation)
    log.proposes("refund", event_id=f"e{amount}", action_id=f"a{amount}", amount=amount)
    await wire.publish_all(log.records)
    return data(await wire.next())


async def test_what_a_worker_signs_is_what_gates_and_verify_take(broker: str, tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    key, policies = new_key(file), str(written(tmp_path / "policies", refunds=REFUNDS))
    gate = Gate(public_path(file), tmp_path / "claims.db")
    ran: list[int] = []
    with worker(broker, tmp_path, "--key", str(file), "--policies", policies):
        async with Agent("refunds", conversation="conv-1", bootstrap=broker, gate=gate) as agent:

            @agent.tool(effect="write")
            async def refund(amount: int) -> str:
                ran.append(amount)
                return "done"

            assert await refund(amount=20) == "done"
            permit = await agent.propose("refund", {"amount": 30})
            with gate.admit(permit, "refund"), pytest.raises(GateRefused, match="used already"):
                gate.admit(permit.record or {}, "refund", {"amount": 30}).__enter__()
        log = Log(conversation="conv-2")
        for number in range(50):
            log.proposes("get_order", order_id=number)
        async with Wire(broker, DECISIONS) as wire:
            await wire.publish_all(log.records)
            found = [data(record) for record in await wire.until(52)]
        assert (await told("verify", "--bootstrap", broker)).exit_code == 0
        chain = ("verify", "--chain", "--bootstrap", broker, "--keys")
        assert (await told(*chain, str(public_path(file)))).exit_code == 0
        new_key(tmp_path / "other.key")
        broken = await told(*chain, str(public_path(tmp_path / "other.key")))
        assert broken.exit_code == 1
        assert f"key '{key.id}' is not trusted" in broken.output
    assert [decision_refused(one, {key.id: key.public}) for one in found] == [None] * 52
    assert max(one["signature"]["size"] for one in found) > 1
    assert (ran, gate.unfinished()) == ([20], [])


async def test_a_control_record_that_is_not_signed_changes_nothing(broker: str, tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    new_key(file)
    with worker(broker, tmp_path, "--key", str(file)):
        async with Wire(broker, DECISIONS) as wire:
            assert (await verdict(wire, "conv-1"))["verdict"] == "allow"
            event = Log().control("agent.mode", agent_id="refunds", mode="human")
            for number in range(PARTITIONS):
                await wire.raw(b"control", orjson.dumps(event), partition=number)
            assert (await verdict(wire, "conv-1", 6))["verdict"] == "allow"
            asked = ("control", "mode", "refunds", "human", "--bootstrap", broker, "--reason", "drift")
            assert (await told(*asked)).output == "control.agent.mode: told to 4 partitions\n"
            assert (await verdict(wire, "conv-1", 7))["verdict"] == "allow"
            assert (await told(*asked, "--key", str(file))).exit_code == 0
            assert (await verdict(wire, "conv-1", 8))["reasons"][0]["code"] == "agent.mode"
        letters = await read(broker, DEADLETTERS, PARTITIONS)
        reasons = {dict(letter.headers)["handrail-reason"].decode() for letter in letters}
        alerts = [data(one) for one in await read(broker, ALERTS, PARTITIONS)]
    assert len(letters) == 2 * PARTITIONS
    assert [alert["kind"] for alert in alerts].count("bypass") == 2 * PARTITIONS
    assert all("signature: is missing" in reason or "partition: must be" in reason for reason in reasons)


@pytest.mark.kafka
async def test_a_worker_without_the_key_does_not_decide(embedded: str, tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    key = new_key(file)
    with worker(embedded, tmp_path, "--key", str(file)) as first:
        assert first.stop() == 0
    other = tmp_path / "other.key"
    new_key(other)
    for options, why in (((), "this worker has no key"), (("--key", str(other)), "is not one of them")):
        late = Worker(embedded, tmp_path / "late.log", *options)
        assert await asyncio.to_thread(late.process.wait, 60) == 1
        line = late.said().splitlines()[-1]
        assert f"decisions are signed by key {key.id}, and" in line
        assert why in line
        late.kill()


@pytest.mark.kafka
async def test_a_key_is_replaced_while_workers_decide(embedded: str, tmp_path: Path) -> None:
    old, new = new_key(tmp_path / "old.key"), new_key(tmp_path / "new.key")
    uses = "uses: [decisions, controls]"
    entries = {name: f"  {name}: {{public: {key.public.line}, {uses}}}\n" for name, key in (("old", old), ("new", new))}
    both = written(tmp_path / "both", keys="keys:\n" + entries["old"] + entries["new"])
    after = written(tmp_path / "after", keys="keys:\n" + entries["new"])
    signed_by: list[str] = []
    async with Wire(embedded, DECISIONS) as wire:

        async def decide() -> None:
            signed_by.append((await verdict(wire, f"conv-{len(signed_by)}"))["signature"]["key_id"])

        with worker(embedded, tmp_path, "--key", str(tmp_path / "old.key")) as first:
            await decide()
            activate = ("policy", "activate", "--bootstrap", embedded)
            refused = await told(*activate, str(both))
            assert refused.exit_code == 2
            assert "give --key FILE" in refused.output
            assert (await told(*activate, str(both), "--key", str(tmp_path / "old.key"))).exit_code == 0
            await decide()
            assert first.stop() == 0
        with worker(embedded, tmp_path, "--key", str(tmp_path / "new.key")):
            await decide()
            assert (await told(*activate, str(after), "--key", str(tmp_path / "new.key"))).exit_code == 0
            await decide()
    assert signed_by == [old.id, old.id, new.id, new.id]


@pytest.mark.kafka
async def test_a_bundle_that_nobody_vouches_for_is_not_put_in_force(embedded: str, tmp_path: Path) -> None:
    """Whoever may write the topic of the bundles would else have a worker sign their activation."""
    file = tmp_path / "signing.key"
    new_key(file)
    options = ("--key", str(file))
    with worker(embedded, tmp_path, *options, "--policies", str(written(tmp_path / "ours", refunds=REFUNDS))) as first:
        assert first.stop() == 0
    async with Producer(embedded) as producer:
        bundles = Bundles(embedded)
        await bundles.refresh()
        await bundles.publish(producer, load_bundle(None))
    with worker(embedded, tmp_path, *options):
        async with Wire(embedded, DECISIONS) as wire:
            assert (await verdict(wire, "conv-1", 900))["verdict"] == "block"


def test_keys_are_made_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "signing.key"
    made = run("keys", "new", str(file))
    assert made.exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    line = public_path(file).read_text().split()
    shown = orjson.loads(run("keys", "show", "--json", str(file)).output)
    assert (shown["public"], shown["id"]) == (" ".join(line[:2]), made.output.split("key ")[1].split(";")[0])
    again = run("keys", "new", str(file))
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    none = run("keys", "show", str(tmp_path / "none"))
    assert (none.exit_code, "make a key with" in none.output) == (2, True)


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (("mode", "refunds", "human"), 2, "is it running, and is the address right?"),
        (("baseline", "refunds", "2026-10-29", "2026-10-01"), 2, "2026-10-29 is not before 2026-10-01"),
        (("baseline", "refunds", "yesterday", "today"), 2, "does not match the format"),
    ],
)
def test_what_cannot_be_told_is_one_line(words: tuple[str, ...], status: int, why: str) -> None:
    done = run("control", *words, "--bootstrap", "127.0.0.1:1")
    assert (done.exit_code, done.stdout) == (status, "")
    assert why in done.stderr.splitlines()[-1]
