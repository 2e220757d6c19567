"""Equal calls with equal results are a loop, whatever the framework wraps around the result."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.types import Command

from handrail.adapters.langgraph import Governed
from handrail.client import Blocked, Halted
from handrail.mcp.messages import ServerResponse
from handrail.mcp.responses import outcome_of
from tests.adapters.on_langgraph import QUERY, Scripted
from tests.adapters.talk import Talk
from tests.unit.client.inprocess import Governor

ORDER: Any = [("look_up", {"order_id": "A-1"})]
numbers = itertools.count()


class Order:
    """What a tool gives back as it is: its text is its place in the memory."""


@dataclass
class Held:
    order: Order


def text(order_id: str) -> str:
    return "on its way"


def object_(order_id: str) -> Any:
    kept.append(Order())  # so that none lies where the one before did
    return kept[-1]


def inside(order_id: str) -> Any:
    kept.append(Order())
    return {"order": kept[-1], "held": [Held(kept[-1])], "tags": {"b", "a"}}


def blocks(order_id: str) -> Any:
    return [{"type": "text", "text": "on its way", "id": f"lc_{uuid4()}"}]


def command(order_id: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
    message = ToolMessage("on its way", tool_call_id=tool_call_id, id=str(uuid4()))
    return Command(update={"messages": [message]})


def commands(order_id: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> list[Command[Any]]:
    return [command(order_id, tool_call_id)]


kept: list[Order] = []


class Calling(Scripted):
    """Gives each call an id of its own, as models do."""

    def _generate(self, *given: Any, **more: Any) -> Any:
        found = super()._generate(*given, **more)
        for call in found.generations[0].message.tool_calls:
            call["id"] = f"call-{next(numbers)}"
        return found


@pytest.mark.parametrize("function", [text, object_, inside, blocks, command, commands])
async def test_langgraph(function: Callable[..., Any]) -> None:
    governor = Governor()
    look_up = tool("look_up", description="Look up an order.")(function)
    async with governor.agent(timeout_s=5) as agent:
        bot = create_agent(Calling(talk=Talk([ORDER] * 8)), [look_up], middleware=[Governed(agent)])
        with pytest.raises(Halted):
            await bot.ainvoke(QUERY, {"recursion_limit": 50})
    assert len(governor.published("action.executed")) == 2


@pytest.mark.parametrize("function", [text, object_, inside])
async def test_the_plain_sdk(function: Callable[..., Any]) -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:
        look_up = agent.tool(function, name="look_up")
        for _ in range(2):
            await look_up(order_id="A-1")
        with pytest.raises(Blocked):
            await look_up(order_id="A-1")


def test_a_langgraph_result_that_is_json_is_told_as_it() -> None:
    from handrail.adapters.langgraph import _result_of

    said = ToolMessage('{"order": {"total": 50}}', tool_call_id="c")
    assert _result_of(said) == {"order": {"total": 50}}
    assert _result_of(ToolMessage("7", tool_call_id="c")) == "7"


@pytest.mark.parametrize(
    "result",
    [
        {"_meta": {"request": 1}, "structured": 1},
        {"content": [{"type": "image", "data": "x", "_meta": {"request": 1}}]},
        {"content": [{"type": "text", "text": "a", "_meta": {"r": 1}}, {"type": "text", "text": "b"}], "_meta": {}},
    ],
)
def test_mcp_keeps_what_is_the_protocols_out_of_what_is_told(result: dict[str, Any]) -> None:
    told = outcome_of(ServerResponse(b"", {"result": result})).result
    assert "_meta" not in str(told)
    assert told
