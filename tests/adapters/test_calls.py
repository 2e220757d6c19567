"""Calls side by side: what a run that ends leaves behind, and what is judged is what runs."""

import asyncio
from typing import Any

import pytest

from handrail.adapters.calls import Calls, Refused, with_defaults
from handrail.client import Halted
from tests.unit.client.inprocess import Governor


async def wait_for(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_an_error_waits_until_the_other_calls_of_the_turn_are_told() -> None:
    governor, goes_on = Governor(), asyncio.Event()

    async def slow(given: dict[str, Any]) -> str:
        await goes_on.wait()
        return "refunded"

    async def fails(given: dict[str, Any]) -> str:
        raise KeyError("no such order")

    async with governor.agent(timeout_s=5) as agent:
        calls = Calls(agent)
        first = asyncio.create_task(calls.call("refund", {"amount": 20}, slow))
        await wait_for(lambda: governor.published("action.proposed"))
        second = asyncio.create_task(calls.call("get_order", {"order_id": "A-1"}, fails))
        await wait_for(lambda: governor.published("action.executed"))
        done, _ = await asyncio.wait([second], timeout=0.05)
        assert not done, "a framework would end its run here, with a refund under way"
        goes_on.set()
        with pytest.raises(KeyError):
            await second
        assert await first == "refunded"
    assert [data["status"] for data in governor.published("action.executed")] == ["error", "ok"]


async def test_a_halt_gives_up_what_waits_for_a_person_and_lets_end_what_runs() -> None:
    governor, goes_on = Governor(), asyncio.Event()

    async def slow(given: dict[str, Any]) -> str:
        await goes_on.wait()
        return "done"

    async def quick(given: dict[str, Any]) -> str:
        return "found"

    async with governor.agent(timeout_s=5) as agent:
        calls = Calls(agent)
        runs = asyncio.create_task(calls.call("refund", {"amount": 20}, slow))
        waits = asyncio.create_task(calls.call("refund", {"amount": 300}, slow))
        await wait_for(lambda: len(governor.handoffs) == 1)
        looped = [await calls.call("get_order", {"order_id": "A-1"}, quick) for _ in range(3)]
        assert [type(data) for data in looped] == [str, str, Refused]
        halts = asyncio.create_task(calls.call("get_order", {"order_id": "A-1"}, quick))
        with pytest.raises(Halted):
            await waits
        assert not halts.done()
        goes_on.set()
        with pytest.raises(Halted):
            await halts
        assert await runs == "done"
    assert len(governor.published("action.executed")) == 3


async def test_a_sub_agents_call_does_not_wait_for_the_tool_that_it_runs_in() -> None:
    governor = Governor()

    async def fails(given: dict[str, Any]) -> str:
        raise KeyError("no such order")

    async def sub_agent(given: dict[str, Any]) -> Any:
        return await calls.call("get_order", {"order_id": "A-1"}, fails)

    async with governor.agent(timeout_s=5) as agent:
        calls = Calls(agent)
        with pytest.raises(KeyError):
            async with asyncio.timeout(5):
                await calls.call("ask_colleague", {}, sub_agent)
    assert [data["tool"] for data in governor.published("action.executed")] == ["get_order", "ask_colleague"]


async def test_whoever_cancels_a_call_cancels_its_tool() -> None:
    governor, runs = Governor(), asyncio.Event()

    async def hangs(given: dict[str, Any]) -> None:
        runs.set()
        await asyncio.Event().wait()

    async with governor.agent(timeout_s=5) as agent:
        task = asyncio.create_task(Calls(agent).call("get_order", {"order_id": "A-1"}, hangs))
        await runs.wait()
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert governor.published("action.executed")[0]["error"].startswith("CancelledError")


async def test_arguments_that_cannot_be_judged_are_refused_and_do_not_end_the_run() -> None:
    governor, ran = Governor(), list[Any]()

    async def note(given: dict[str, Any]) -> None:
        ran.append(given)

    async with governor.agent() as agent:
        result = await Calls(agent).call("get_order", {"order_id": 2**60}, note)
    assert isinstance(result, Refused)
    assert (ran, governor.published("action.proposed")) == ([], [])


async def test_what_ran_and_could_not_be_told_gives_its_result() -> None:
    governor = Governor()

    async def refund(given: dict[str, Any]) -> str:
        governor.away = True
        return "refunded"

    async with governor.agent() as agent:
        assert await Calls(agent).call("refund", {"amount": 20}, refund) == "refunded"


async def test_the_effect_is_told() -> None:
    governor = Governor()

    async def run(given: dict[str, Any]) -> None: ...

    async with governor.agent(timeout_s=5) as agent:
        calls = Calls(agent, {"mail": "write"})
        await calls.call("mail", {}, run)
        await calls.call("get_order", {}, run)
    assert [data.get("effect") for data in governor.published("action.proposed")] == ["write", None]


def test_defaults_that_the_model_leaves_out_are_judged_too() -> None:
    properties = {"amount": {"type": "integer", "default": 1000}, "order_id": {"type": "string"}}
    assert with_defaults({"order_id": "A"}, properties) == {"order_id": "A", "amount": 1000}
    assert with_defaults({"order_id": "A", "amount": 1}, properties) == {"order_id": "A", "amount": 1}
