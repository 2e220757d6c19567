"""A client and a server of the official SDK, with the proxy between them."""

import asyncio
import sys
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import ElicitResult

from tests.mcp.conftest import Place
from tests.mcp.proxies import HANDRAIL_MCP, HERE, answer_handoff, recorded

pytestmark = pytest.mark.kafka

MODES = ["legacy", "2026-07-28"]  # with a handshake, as all revisions to 2025-11-25 have it, and without


def shop(bootstrap: str, *options: str) -> StdioServerParameters:
    """What a client starts instead of the server."""
    command = [*HANDRAIL_MCP, "--bootstrap", bootstrap, "--agent-id", "shop", *options]
    server = [sys.executable, str(HERE / "shop_server.py")]
    return StdioServerParameters(command=command[0], args=[*command[1:], "--", *server])


async def because(*_: Any) -> ElicitResult:
    """The customer's answer."""
    return ElicitResult(action="accept", content={"reason": "too late"})


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_of_the_sdk_does_not_notice_the_proxy(handrail: Place, mode: str) -> None:
    conversation, reports = f"sdk-{mode}", []

    async def progress(done: float, total: float | None, _: str | None) -> None:
        reports.append((done, total))

    server = shop(handrail.bootstrap, "--conversation", conversation)
    async with Client(server, mode=mode, elicitation_callback=because) as client:
        assert sorted(tool.name for tool in (await client.list_tools()).tools) == [
            "cancel_order",
            "count",
            "get_order",
            "refund",
        ]
        order = await client.call_tool("get_order", {"order_id": "A-1"})
        assert order.structured_content == {"order_id": "A-1", "total": 900}
        assert (await client.call_tool("count", {"to": 3}, progress_callback=progress)).is_error is False
        failed = await client.call_tool("refund", {"order_id": "A-0", "amount": 5})
        assert failed.is_error is True
    assert reports == [(1, 3), (2, 3), (3, 3)]
    executed = await recorded(handrail.bootstrap, conversation, "action.executed")
    assert [(data["tool"], data["status"]) for data in executed] == [
        ("get_order", "ok"),
        ("count", "ok"),
        ("refund", "error"),
    ]
    assert executed[0]["result"] == {"order_id": "A-1", "total": 900}
    assert "no such order" in executed[2]["error"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_refusal_is_a_result_that_the_model_can_read(handrail: Place, mode: str) -> None:
    async with Client(shop(handrail.bootstrap), mode=mode) as client:
        blocked = await client.call_tool("refund", {"order_id": "A-1", "amount": 900})
        assert blocked.is_error is True
        assert blocked.structured_content is not None
        assert blocked.structured_content["verdict"] == "block"
        await client.list_tools()  # from now on it is known that `refund` promises another shape
        shaped = await client.call_tool("refund", {"order_id": "A-2", "amount": 900})
    assert shaped.is_error is True
    assert shaped.structured_content is None
    assert shaped.meta is not None
    assert shaped.meta["handrail/decision"]["verdict"] == "block"


async def test_a_call_that_a_person_approves_comes_back_to_the_client(handrail: Place) -> None:
    server = shop(handrail.bootstrap, "--conversation", "sdk-approved")
    async with Client(server) as client:
        asked = asyncio.create_task(client.call_tool("refund", {"order_id": "A-1", "amount": 300}))
        await answer_handoff(handrail.bootstrap, "sdk-approved", "approved")
        assert (await asked).structured_content == {"order_id": "A-1", "total": 300}


async def test_a_server_that_asks_the_customer_in_between_gets_the_answer(handrail: Place) -> None:
    async with Client(shop(handrail.bootstrap), mode="legacy", elicitation_callback=because) as client:
        result = await client.call_tool("cancel_order", {"order_id": "A-1"})
    assert result.content[0].text == "A-1: too late"  # type: ignore[union-attr]
