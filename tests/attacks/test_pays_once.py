"""Over a real broker, a signing worker, and processes that die: nothing is paid twice, and nothing else is bought."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail.client import Agent
from handrail.schemas.clock import to_ms
from handrail.streams.keys import new_key
from tests.bundles import REFUNDS, written
from tests.claims import claims_of
from tests.workers import worker

pytestmark = pytest.mark.kafka

TTL_S = 5  # in which a process has to start, also beside others


@pytest.fixture
def shop(embedded: str, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(Kafka, folder): decisions hold some seconds here, so that a minute later is soon."""
    new_key(tmp_path / "signing.key")
    claims_of(tmp_path)
    limits = f"default: {{decision_ttl_s: {TTL_S}}}"
    policies = written(tmp_path / "policies", refunds=REFUNDS, limits=limits)
    with worker(embedded, tmp_path, "--key", str(tmp_path / "signing.key"), "--policies", str(policies)):
        yield embedded, tmp_path


def pay(shop: tuple[str, Path], action_id: str, point: str = "") -> tuple[int, dict[str, Any], str]:
    """A process that pays: its status, what it was allowed, and what it said."""
    command = [sys.executable, "-m", "tests.attacks.payer", shop[0], str(shop[1]), action_id, point]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def execute(folder: Path, *requests: dict[str, Any]) -> list[str]:
    """What a process of executors answers to each."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    command = [sys.executable, "-m", "tests.attacks.executor", str(folder)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def ran(folder: Path) -> list[str]:
    """What was paid."""
    return (folder / "ran").read_text().splitlines() if (folder / "ran").exists() else []


def over(allowed: dict[str, Any]) -> None:
    """Wait until the permission has ended."""
    ends_s = to_ms(allowed["decision"]["data"]["expires_at"]) / 1000
    while time.time() <= ends_s:
        time.sleep(max(0.0, ends_s - time.time()) + 0.01)


def test_a_retry_after_the_permission_ended_pays_once(shop: tuple[str, Path]) -> None:
    status, allowed, output = pay(shop, "a1")
    assert status == 0, output
    for _ in range(2):
        over(allowed)
        status, _, output = pay(shop, "a1")
        assert status == 1
        assert "AlreadyClaimed" in output
        assert "was used already" in output
    assert ran(shop[1]) == ["a1"]


def test_a_process_that_was_killed_before_it_paid_is_made_up_for_once(shop: tuple[str, Path]) -> None:
    status, allowed, _ = pay(shop, "a1", "decided")
    assert (status, ran(shop[1])) == (-signal.SIGKILL, [])
    over(allowed)
    status, allowed, output = pay(shop, "a1")
    assert status == 0, output
    assert "proposed anew as a1~renewed-2, in place of a1" in output
    for _ in range(2):
        over(allowed)
        assert "AlreadyClaimed" in pay(shop, "a1")[2]
    assert ran(shop[1]) == ["a1~renewed-2"]


def test_at_an_executor_in_another_process_too(shop: tuple[str, Path]) -> None:
    _, allowed, output = pay(shop, "a1", "sends")
    assert execute(shop[1], allowed, allowed)[0] == "refunded 20", output
    over(allowed)
    status, _, output = pay(shop, "a1", "sends")
    assert status == 1
    assert "it was allowed before, as a1, and may have been acted on" in output
    (line,) = execute(shop[1], allowed)
    assert "it has ended" in line
    assert ran(shop[1]) == ["20"]


async def test_what_the_log_has_forgotten_is_decided_anew_and_still_not_paid_again(shop: tuple[str, Path]) -> None:
    _, allowed, output = await asyncio.to_thread(pay, shop, "a1", "sends")
    assert execute(shop[1], allowed) == ["refunded 20"], output
    async with Agent("refunds", conversation="c1", bootstrap=shop[0]) as agent:
        for number in range(70):
            await agent.customer_acted("look", {"number": number})
    await asyncio.to_thread(over, allowed)
    status, again, output = await asyncio.to_thread(pay, shop, "a1", "sends")
    assert status == 0, output
    assert again["decision"]["id"] == allowed["decision"]["id"]
    (line,) = execute(shop[1], again)
    assert line.startswith("not again:")
    assert ran(shop[1]) == ["20"]


async def test_a_decision_on_another_tool_buys_no_refund(shop: tuple[str, Path]) -> None:
    """The names in a request are the asker's; the executor goes by its own."""
    bought = []
    async with Agent("refunds", conversation="c2", bootstrap=shop[0]) as agent:
        for tool in ("get_order", "refund_quote", "refunds", "send_mail"):
            permit = await agent.propose(tool, {"amount": 99})
            bought.append({"decision": permit.record, "tool": "refund", "arguments": permit.arguments})
    lines = await asyncio.to_thread(execute, shop[1], *bought)
    assert len(lines) == len(bought)
    assert all("it is for another tool or other arguments" in line for line in lines)
    assert ran(shop[1]) == []
