"""What was judged is what runs, whoever holds and changes the object that was given."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from handrail.adapters.calls import Calls
from handrail.client import Blocked, Gate
from handrail.client.json_values import json_copy
from tests.attacks.signed import SignedGovernor
from tests.claims import claims_of
from tests.keys import key
from tests.unit.client.test_gate import ARGUMENTS, TOOL, Clock, decided, made_s


class Tracked(dict[str, Any]):
    """A dict of its own kind, as data layers have them."""


class Reason(StrEnum):
    FAULTY = "faulty"


@pytest.mark.parametrize("made", [dict, Tracked, lambda order: defaultdict(int, order)])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("with_gate", [True, False])
async def test_a_tool_runs_with_what_was_judged(tmp_path: Path, with_gate: bool, plain: bool, made: Any) -> None:
    governor = SignedGovernor()
    gate = governor.gate(tmp_path) if with_gate else None
    order, got = made({"amount": 20, "lines": [{"amount": 20}]}), []
    async with governor.agent(timeout_s=5, gate=gate) as agent:

        def refund(order: dict[str, Any], number: int) -> None:
            got.append((order["amount"], order["lines"][0]["amount"]))

        async def refund_async(order: dict[str, Any], number: int) -> None:
            await asyncio.sleep(0)
            refund(order, number)

        tool = agent.tool(refund if plain else refund_async, name="refund")
        running = True

        async def flip() -> None:
            while running:
                order["amount"] = order["lines"][0]["amount"] = 900
                await asyncio.sleep(0)
                order["amount"] = order["lines"][0]["amount"] = 20
                await asyncio.sleep(0)

        flipping = asyncio.create_task(flip())
        for number in range(20):
            with suppress(Blocked):  # where it was judged while it was 900
                await tool(order, number)
        running = False
        await flipping
    executed = [data["arguments"]["order"] for data in governor.published("action.executed")]
    assert got == [(data["amount"], data["lines"][0]["amount"]) for data in executed]
    assert len(got) > 1


async def test_a_change_between_the_judging_and_the_run_is_not_seen() -> None:
    governor, got = SignedGovernor(), []
    order = {"amount": 20}
    async with governor.agent(timeout_s=5) as agent:
        tool = agent.tool(lambda order: got.append(order["amount"]), name="refund")
        asked = asyncio.create_task(tool(order))
        while not governor.published("action.proposed"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        order["amount"] = 900
        await asked
    assert got == [20]


async def test_what_a_tool_does_to_its_arguments_is_not_told_as_what_was_judged() -> None:
    governor = SignedGovernor()
    async with governor.agent(timeout_s=5) as agent:

        @agent.tool
        def refund(order: dict[str, Any]) -> None:
            order["amount"] = 900

        await refund({"amount": 20})
    assert governor.published("action.executed")[0]["arguments"] == {"order": {"amount": 20}}


async def test_the_adapters_run_what_was_judged_too() -> None:
    governor, got = SignedGovernor(), []
    given = {"order": {"amount": 20}}

    async def run(arguments: dict[str, Any]) -> None:
        got.append(arguments["order"]["amount"])

    async with governor.agent(timeout_s=5) as agent:
        asked = asyncio.create_task(Calls(agent).call("refund", given, run))
        while not governor.published("action.proposed"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        given["order"]["amount"] = 900
        await asked
    assert got == [20]


def test_at_a_gate_too(tmp_path: Path) -> None:
    record, *_ = decided()
    given: dict[str, Any] = dict(ARGUMENTS)
    gate = Gate([key().public.line], claims_of(tmp_path), clock=Clock(made_s(record) + 1))
    with gate.admit(record, TOOL, given) as admitted:
        given["amount"] = 900
        admitted.arguments["amount"] = 901
        assert admitted.arguments == ARGUMENTS


def test_a_mapping_that_says_something_else_each_time_is_asked_once(tmp_path: Path) -> None:
    class Two(Mapping[str, Any]):
        asked = 0

        def __getitem__(self, name: str) -> Any:
            self.asked += name == "amount"
            return {**ARGUMENTS, "amount": 20 if self.asked < 2 else 900}[name]

        def __iter__(self) -> Any:
            return iter(ARGUMENTS)

        def __len__(self) -> int:
            return len(ARGUMENTS)

    record, *_ = decided()
    gate = Gate([key().public.line], claims_of(tmp_path), clock=Clock(made_s(record) + 1))
    with gate.admit(record, TOOL, Two()) as admitted:
        assert admitted.arguments["amount"] == 20


def test_the_copy_keeps_what_is_plain() -> None:
    given = {"a": [1, (2.5, None)], 3: {"b": True}, "r": Reason.FAULTY, "t": Tracked(x=[1])}
    copy = json_copy(given)
    assert copy == given
    assert (type(copy["a"][1]), copy["r"], type(copy["t"])) == (tuple, Reason.FAULTY, dict)
    given["a"].append(2)  # type: ignore[attr-defined]
    given["t"]["x"].append(2)  # type: ignore[index]
    assert copy == {"a": [1, (2.5, None)], 3: {"b": True}, "r": Reason.FAULTY, "t": {"x": [1]}}
