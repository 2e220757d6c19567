"""A program that uses `handrail.client` is checked by mypy against the installed package's own types."""

import subprocess
import sys
from pathlib import Path

import pytest

RIGHT = """
from typing import assert_type

from handrail.client import Agent, Answer, Blocked, BlockingAgent, Client, Decision, Gate, Handback, Permit


async def shop() -> None:
    async with Client("127.0.0.1:9092") as client, Agent("shop", conversation="c-1", client=client) as agent:

        @agent.tool
        async def get_order(order_id: str) -> dict[str, int]:
            return {order_id: 1}

        @agent.tool(effect="write")
        def refund(order_id: str, amount: float) -> str:
            return f"{order_id} {amount}"

        assert_type(await get_order("A-1"), dict[str, int])
        answer = await agent.route("Where is my order?")
        assert_type(answer, Answer)
        assert_type(answer.decision, Decision | None)
        try:
            permit = await agent.propose("refund", {"amount": 20})
        except Blocked as blocked:
            assert_type(blocked.customer_message, str)
            return
        assert_type(permit, Permit)
        await agent.executed(permit, "done")
        assert_type(await agent.returned(), Handback | None)
        await refund("A-1", amount=20.0)


def pay(request: dict[str, str]) -> int:
    gate = Gate("signing.key.pub", "claims.db")

    @gate.tool(name="refund")
    def refund(amount: float) -> int:
        return int(amount)

    with BlockingAgent("shop", conversation="c-2") as agent:
        assert_type(agent.respond("Hello"), Permit)
    return assert_type(refund(request["decision"], {"amount": 1}), int)
"""
WRONG = """
from handrail.client import Agent, Permit


async def shop(agent: Agent) -> None:
    permit: str = await agent.propose("refund", {})
    await agent.executed("no permit")

    @agent.tool
    async def get_order(order_id: str) -> int:
        return 1

    await get_order(7)
"""


@pytest.mark.timeout(600)
def test_mypy_strict_knows_the_types_of_the_installed_package(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(RIGHT)
    wrong.write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", right.name, wrong.name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    found = [line.rsplit("[", 1) for line in done.stdout.splitlines() if ": error:" in line]
    assert [(place.split(":")[0], code.rstrip("]")) for place, code in found] == [
        ("wrong.py", "assignment"),
        ("wrong.py", "arg-type"),
        ("wrong.py", "arg-type"),
    ], done.stdout + done.stderr
