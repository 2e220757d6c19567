"""`handrail policy activate`: new rules decide what comes behind them, and the worker is never restarted."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from handrail.cli import main
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS
from handrail.streams.engine.reading import scan
from tests.log import Log
from tests.topics import Wire, data
from tests.workers import worker

RULES = """\
id: refunds
rules:
  version: "1.0"
  default_action: allow
  rules:
    - {{id: too-high, condition: {{field: amount, operator: greater_than, value: {limit}}}, action: block}}
"""


def folder(path: Path, limit: int) -> Path:
    """Policies that block a `refund` above the limit."""
    path.mkdir(exist_ok=True)
    (path / "refunds.yaml").write_text(RULES.format(limit=limit))
    return path


def activate(broker: str, path: Path) -> Result:
    return CliRunner().invoke(main, ["policy", "activate", str(path), "--bootstrap", broker])


async def verdict(wire: Wire, amount: int) -> str:
    """What a proposal of that amount is answered."""
    log = Log(conversation=f"conv-{amount}")
    log.proposes("refund", amount=amount)
    await wire.publish_all(log.records)
    decided: str = data(await wire.next())["verdict"]
    return decided


async def test_new_rules_hold_from_one_record_in_each_partition_on(broker: str, tmp_path: Path) -> None:
    with worker(broker, tmp_path, "--policies", str(folder(tmp_path / "first", 500))):
        async with Wire(broker, DECISIONS) as wire:
            assert await verdict(wire, 400) == "allow"
            done = await asyncio.to_thread(activate, broker, folder(tmp_path / "second", 300))
            assert done.exit_code == 0, done.output
            assert "is in force in 4 partitions; before: sha256:" in done.output
            assert await verdict(wire, 401) == "block"
    again = await asyncio.to_thread(activate, broker, tmp_path / "second")
    assert again.output.endswith("is in force already\n")
    activations = [
        record.partition async for record in scan(broker, [AGENT_EVENTS]) if b"policies.activated" in record.value
    ]
    assert sorted(activations) == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.kafka
def test_a_folder_with_a_mistake_puts_nothing_in_force(embedded: str, tmp_path: Path) -> None:
    path = folder(tmp_path / "bad", 500)
    (path / "refunds.yaml").write_text("id: refunds\nrules: {}\n")
    done = activate(embedded, path)
    assert done.exit_code == 1
    assert "refunds.yaml: rules.default_action" in done.output
