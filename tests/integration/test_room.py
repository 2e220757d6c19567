"""A worker whose partition remembers as many conversations as it may, and one that is told to forget."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from handrail.cli import main
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DECISIONS, PARTITIONS, STATES
from tests.bundles import REFUNDS, written
from tests.log import Log
from tests.topics import Wire, data, read
from tests.workers import worker

MOST = 100
NAMES = [name for number in range(1000) if partition_of((name := f"conv-{number}").encode(), PARTITIONS) == 0]
SECONDS_MAX = 30
WORDS = "my cat is called Zanzibar"


def question(name: str, text: str = "Where is my parcel?", event: str = "q") -> bytes:
    log = Log(name)
    log.query(text, id=f"{name}-{event}")
    return log.records[0].value or b""


@pytest.mark.kafka
async def test_a_worker_at_its_cap_blocks_new_conversations_and_says_so(broker: str, tmp_path: Path) -> None:
    policies = written(tmp_path / "policies", limits=f"memory: {{conversations_max: {MOST}}}", refunds=REFUNDS)
    with worker(broker, tmp_path, "--policies", str(policies)):
        async with Wire(broker, ALERTS) as alerts, Wire(broker, DECISIONS) as wire:
            for name in NAMES[:MOST]:
                await wire.raw(name.encode(), question(name))
            await wire.until(MOST)
            alert = data(await alerts.next())
            for name in (NAMES[MOST], NAMES[0]):
                await wire.raw(name.encode(), question(name, "And what of my order?", "r"))
            new, old = [data(one) for one in await wire.until(2)]
    assert (alert["kind"], alert["severity"], alert["evidence"]["full"]) == ("memory", "high", True)
    assert [reason["code"] for reason in new["reasons"]] == ["memory.full"]
    assert old["reasons"] == []
    done = await asyncio.to_thread(CliRunner().invoke, main, ["verify", "--bootstrap", broker])
    assert done.exit_code == 0, done.output


@pytest.mark.kafka
async def test_told_to_forget_a_worker_keeps_no_word_of_it(broker: str, tmp_path: Path) -> None:
    name = NAMES[0]
    with worker(broker, tmp_path):
        async with Wire(broker, DECISIONS) as wire:
            await wire.raw(name.encode(), question(name, WORDS))
            await wire.until(1)
            assert await _kept(broker)
            told = ["control", "forget", name, "--bootstrap", broker]
            done = await asyncio.to_thread(CliRunner().invoke, main, told)
            assert done.exit_code == 0, done.output
            for event in "qr":  # one batch after the other
                await wire.raw(NAMES[1].encode(), question(NAMES[1], event=event))
                await wire.until(1)
            async with asyncio.timeout(SECONDS_MAX):
                while await _kept(broker):  # states follow decisions
                    pass
    assert any(b"control.forget" in (one.value or b"") for one in await read(broker, AGENT_EVENTS, PARTITIONS))


async def _kept(broker: str) -> bool:
    """Whether compaction would leave the words."""
    last = {one.key: one.value for one in await read(broker, STATES, PARTITIONS)}
    return any(b"Zanzibar" in (value or b"") for value in last.values())
