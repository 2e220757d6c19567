"""What is particular to the OpenAI Agents SDK."""

import asyncio
import threading
from typing import Any

import agents
import pytest
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call

from handrail.adapters.openai_agents import governed, run
from handrail.client import Blocked, ConfigError
from tests.adapters.shop import Shop
from tests.unit.client.inprocess import Governor


def scripted(*outputs: Any) -> ScriptedModel:
    return ScriptedModel([ModelStep(output=list(output)) for output in outputs])


def order(number: int = 1) -> Any:
    return function_call("get_order", {"order_id": "A-1"}, call_id=f"call-{number}")


async def test_a_hosted_tool_is_refused_before_the_model_is_asked() -> None:
    async with Governor().agent() as agent:
        model = scripted([assistant_message("Hello.")])
        bot = agents.Agent(name="shop", model=model, tools=[agents.WebSearchTool()])
        with pytest.raises(ConfigError, match="WebSearchTool does not run here"):
            await run(agent, bot, "help")
    assert model.calls == ()


@pytest.mark.parametrize("as_object", [False, True])
async def test_tools_behind_a_handoff_are_governed_too(as_object: bool) -> None:
    governor, shop = Governor(), Shop()
    model = scripted([order()], [assistant_message("Found.")])
    expert = agents.Agent(name="expert", model=model, tools=[agents.function_tool(shop.get_order)])
    given = agents.handoff(expert) if as_object else expert
    first = scripted([function_call("transfer_to_expert", {}, call_id="h-1")])
    bot = agents.Agent(name="shop", model=first, handoffs=[given])
    expert.handoffs.append(bot)
    async with governor.agent(timeout_s=5) as agent:
        assert (await run(agent, bot, "help")).final_output == "Found."
    assert shop.ran == [("get_order", "A-1")]
    assert [data["tool"] for data in governor.published("action.executed")] == ["get_order"]
    assert len(governor.published("llm.completed")) == 3
    assert expert.hooks is None, "the bot itself is as it was"


async def test_a_bot_as_a_tool_is_governed_or_refused() -> None:
    governor, shop = Governor(), Shop()

    def helper() -> Any:
        model = scripted([order()], [assistant_message("Found.")])
        return agents.Agent(name="helper", model=model, tools=[agents.function_tool(shop.get_order)])

    def asks(tool: Any) -> Any:
        model = scripted([function_call("helper", {"input": "find it"}, call_id="c-1")], [assistant_message("Here.")])
        return agents.Agent(name="shop", model=model, tools=[tool])

    async with governor.agent(timeout_s=5) as agent:
        with pytest.raises(ConfigError, match="is not governed"):
            await run(agent, asks(helper().as_tool("helper", "finds orders")), "help")
        assert shop.ran == []
        await run(agent, asks(governed(agent, helper()).as_tool("helper", "finds orders")), "help")
    assert [data["tool"] for data in governor.published("action.executed")] == ["get_order", "helper"]
    assert [data["text"] for data in governor.published("message.sent")] == ["Here."], "a helper speaks to no customer"


async def test_the_time_a_person_takes_is_not_the_tools() -> None:
    governor, ran = Governor(), list[int]()

    @agents.function_tool(timeout=0.05)
    async def refund(amount: int) -> str:
        ran.append(amount)
        if amount == 20:
            await asyncio.Event().wait()
        return "done"

    model = scripted(
        [function_call("refund", {"amount": 300}, call_id="c-1")],
        [function_call("refund", {"amount": 20}, call_id="c-2")],
        [assistant_message("Done.")],
    )
    async with governor.agent(timeout_s=5, approval_timeout_s=5) as agent:
        asked = asyncio.create_task(run(agent, agents.Agent(name="shop", model=model, tools=[refund]), "help"))
        async with asyncio.timeout(5):
            while not governor.handoffs:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)  # longer than the tool may take
        governor.resolves("approved")
        await asked
    assert ran == [300, 20]
    assert [data["status"] for data in governor.published("action.executed")] == ["ok", "unknown"]


async def test_arguments_that_are_no_json_ask_nothing() -> None:
    governor, shop = Governor(), Shop()
    model = scripted([function_call("get_order", "{", call_id="c-1")], [assistant_message("Sorry.")])
    async with governor.agent(timeout_s=5) as agent:
        bot = agents.Agent(name="shop", model=model, tools=[agents.function_tool(shop.get_order)])
        await run(agent, bot, "help")
    assert (shop.ran, governor.published("action.proposed")) == ([], [])


async def test_the_bots_own_hooks_are_called_as_before() -> None:
    called = list[str]()

    class Own(agents.AgentHooks):
        async def on_start(self, context: Any, agent: Any) -> None:
            called.append("start")

        async def on_llm_end(self, context: Any, agent: Any, response: Any) -> None:
            called.append("llm")

    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:
        bot = agents.Agent(name="shop", model=scripted([assistant_message("Hello.")]), hooks=Own())
        await run(agent, bot, "help")
    assert called == ["start", "llm"]
    assert len(governor.published("llm.completed")) == 1


async def test_an_answer_that_is_refused_is_raised_and_not_returned() -> None:
    async with Governor().agent(timeout_s=5) as agent:
        await agent.human_requested()
        bot = agents.Agent(name="shop", model=scripted([assistant_message("Let me first ...")]))
        with pytest.raises(Blocked):
            await run(agent, bot, "help")


async def test_a_time_limit_of_a_tool_ends_the_waiting_and_not_the_work() -> None:
    """openai/openai-agents-python#2479: what it waits for in a thread goes on there."""
    governor, may_end, ran = Governor(), threading.Event(), []

    def pay(amount: int) -> None:
        may_end.wait(10)
        ran.append(amount)

    @agents.function_tool(timeout=0.2)
    async def refund(amount: int) -> str:
        await asyncio.to_thread(pay, amount)
        return "done"

    model = scripted([function_call("refund", {"amount": 20}, call_id="c-1")], [assistant_message("It took too long.")])
    bot = agents.Agent(name="shop", model=model, tools=[refund])
    async with governor.agent(timeout_s=5) as agent:
        assert (await run(agent, bot, "help")).final_output == "It took too long."
        assert ran == []
    may_end.set()
    (data,) = governor.published("action.executed")
    assert (data["status"], "timed out" in data["error"]) == ("unknown", True)


async def test_a_tool_that_gives_bit_by_bit_runs_within_its_permit() -> None:
    governor, ran = Governor(), []

    @agents.function_tool
    def get_order(order_id: str) -> Any:
        return (ran.append(order_id) or number for number in range(2))

    bot = agents.Agent(name="shop", model=scripted([order()], [assistant_message("Found.")]), tools=[get_order])
    async with governor.agent(timeout_s=5) as agent:
        await run(agent, bot, "help")
    assert ran == ["A-1", "A-1"]
    assert governor.published("action.executed")[0]["result"] == [0, 1]
