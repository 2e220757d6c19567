"""What is particular to LangGraph."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import RetryPolicy

from handrail.adapters.langgraph import Governed, tool_node
from handrail.client import ConfigError, Halted
from tests.adapters.on_langgraph import QUERY, Scripted, converse, graph
from tests.adapters.shop import Shop
from tests.adapters.talk import Talk
from tests.unit.client.inprocess import Governor


async def test_without_an_event_loop_nothing_runs() -> None:
    ran = list[str]()

    def get_order(order_id: str) -> str:
        """Look up an order."""
        ran.append(order_id)
        return "found"

    asked = AIMessage("", tool_calls=[{"name": "get_order", "args": {"order_id": "A-1"}, "id": "call-1"}])
    async with Governor().agent() as agent:
        tools = StateGraph(MessagesState).add_node("tools", tool_node(agent, [get_order])).add_edge(START, "tools")
        with pytest.raises(ConfigError, match="ainvoke"):
            tools.compile().invoke({"messages": [asked]})
        talk = Talk([[("get_order", {"order_id": "A-1"})]])
        bot = create_agent(Scripted(talk=talk), [get_order], middleware=[Governed(agent)])
        with pytest.raises(NotImplementedError):
            bot.invoke(QUERY)
    assert ran == []


async def test_defaults_of_a_tool_are_judged_and_run_as_judged() -> None:
    governor, ran = Governor(), list[int]()

    def refund(order_id: str, amount: int = 900) -> str:
        """Give money back."""
        ran.append(amount)
        return "done"

    async with governor.agent(timeout_s=5) as agent:
        talk = Talk([[("refund", {"order_id": "A-1"})], "A colleague decides that."])
        bot = create_agent(Scripted(talk=talk), [refund], middleware=[Governed(agent)])
        await bot.ainvoke(QUERY)
    assert ran == []
    assert governor.published("action.proposed")[0]["arguments"] == {"order_id": "A-1", "amount": 900}


async def test_a_tool_that_yields_is_refused_before_it_is_asked_for() -> None:
    governor, ran = Governor(), list[str]()

    def get_order(order_id: str) -> Iterator[str]:
        """Look up an order."""
        ran.append(order_id)
        yield order_id

    async with governor.agent(timeout_s=5) as agent:
        bot = create_agent(
            Scripted(talk=Talk([[("get_order", {"order_id": "A-1"})], "Found."])),
            [get_order],
            middleware=[Governed(agent)],
        )
        with pytest.raises(ConfigError, match="get_order: a function that yields"):
            await bot.ainvoke(QUERY)
    assert (ran, governor.published("action.executed")) == ([], [])


async def test_a_halt_ends_a_graph_that_handles_errors_and_tries_again() -> None:
    governor, shop = Governor(), Shop()
    async with governor.agent(timeout_s=5) as agent:
        talk = Talk([[("get_order", {"order_id": "A-1"})] for _ in range(6)])
        node = tool_node(agent, [shop.get_order], handle_tool_errors=True)
        retried = graph(Scripted(talk=talk), node, retry_policy=RetryPolicy(max_attempts=5, initial_interval=0.01))
        with pytest.raises(Halted):
            await retried.ainvoke(QUERY)
    assert (talk.turns, len(shop.ran)) == (4, 2)
    assert len(governor.published("action.proposed")) == 4


async def test_a_model_that_fails_is_told() -> None:
    governor = Governor()

    class Broken(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "broken"

        def _generate(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("overloaded")

    async with governor.agent(timeout_s=5) as agent:
        bot = create_agent(Broken(), [], middleware=[Governed(agent)])
        with pytest.raises(RuntimeError):
            await bot.ainvoke(QUERY)
    (data,) = governor.published("llm.completed")
    assert (data["error"], data.get("usage")) == ("RuntimeError: overloaded", None)


async def test_a_sub_agents_answer_is_no_answer_to_the_customer() -> None:
    governor, shop = Governor(), Shop()
    async with governor.agent(timeout_s=5) as agent:
        bot = create_agent(
            Scripted(talk=Talk(["For the other agent."])), [], middleware=[Governed(agent, answers=False)]
        )
        await bot.ainvoke(QUERY)
        assert governor.published("message.sent") == []
        await converse(agent, shop, Talk(["For the customer."]))
    assert [data["text"] for data in governor.published("message.sent")] == ["For the customer."]
