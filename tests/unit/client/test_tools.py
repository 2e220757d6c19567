"""Functions that ask before they run."""

import asyncio
import threading
from decimal import Decimal
from typing import Any

import pytest

from handrail.client import Blocked, NotRecorded, SchemaError
from tests.unit.client.inprocess import Governor


async def test_an_async_function_runs_when_allowed_and_its_result_is_told() -> None:
    governor = Governor()
    async with governor.agent() as agent:

        @agent.tool
        async def refund(order_id: str, amount: int = 20) -> dict[str, Any]:
            """Give money back."""
            return {"refunded": amount, "order": order_id}

        assert await refund("A1") == {"refunded": 20, "order": "A1"}
        assert (refund.__name__, refund.__doc__) == ("refund", "Give money back.")
    (done,) = governor.published("action.executed")
    assert done["arguments"] == {"order_id": "A1", "amount": 20}, "defaults are judged too"
    assert done["result"] == {"refunded": 20, "order": "A1"}


async def test_a_plain_function_runs_in_a_thread() -> None:
    async with Governor().agent() as agent:
        where = agent.tool(lambda order_id: threading.current_thread(), name="get_order", effect="read")
        assert await where("A1") is not threading.current_thread()


async def test_what_is_blocked_does_not_run() -> None:
    governor, ran = Governor(), []
    async with governor.agent() as agent:

        @agent.tool(name="refund", effect="write")
        def give(amount: int, **more: str) -> None:
            ran.append(amount)

        with pytest.raises(Blocked):
            await give(900, note="please")
    assert ran == []
    (proposed,) = governor.published("action.proposed")
    assert (proposed["tool"], proposed["effect"], proposed["arguments"]) == (
        "refund",
        "write",
        {"amount": 900, "note": "please"},
    )
    assert governor.published("action.executed") == []


async def test_a_tool_that_fails_is_told_as_an_error_and_still_fails() -> None:
    governor = Governor()
    async with governor.agent() as agent:

        @agent.tool
        def get_order(order_id: str) -> None:
            raise KeyError(order_id)

        with pytest.raises(KeyError):
            await get_order("A1")
        governor.away = True
        with pytest.raises(Exception, match="could not be asked"):
            await get_order("A2")
    (done,) = governor.published("action.executed")
    assert (done["status"], done["error"]) == ("error", "KeyError: 'A1'")


async def test_a_tool_that_is_cancelled_may_have_run() -> None:
    governor, running = Governor(), asyncio.Event()
    async with governor.agent() as agent:

        @agent.tool
        async def get_order(order_id: str) -> None:
            running.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(get_order("A1"))
        await running.wait()
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    (data,) = governor.published("action.executed")
    assert (data["status"], data["error"]) == ("unknown", "CancelledError: ")


async def test_a_result_that_cannot_be_told_is_kept_by_the_error() -> None:
    governor = Governor()
    async with governor.agent() as agent:

        @agent.tool
        def refund(amount: int) -> str:
            governor.away = True
            return "done"

        with pytest.raises(NotRecorded) as caught:
            await refund(20)
    assert caught.value.result == "done"


async def test_wrong_arguments_ask_nothing() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        refund = agent.tool(lambda amount: amount, name="refund")
        with pytest.raises(TypeError):
            await refund()
        with pytest.raises(SchemaError, match="Decimal is not JSON"):
            await refund(Decimal(20))
    assert governor.published("action.proposed") == []


async def test_arguments_that_change_while_a_person_is_asked_do_not_reach_the_tool() -> None:
    governor, ran = Governor(), []
    async with governor.agent(approval_timeout_s=5) as agent:
        refund = agent.tool(lambda amount, orders: ran.append(orders), name="refund")
        orders = ["A1"]
        asked = asyncio.create_task(refund(300, orders))
        async with asyncio.timeout(5):
            while not governor.handoffs:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        orders.append("A2")
        governor.resolves("approved")
        await asked
    assert ran == [["A1"]]
