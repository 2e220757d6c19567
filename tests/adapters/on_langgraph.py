"""The scripted conversation on LangChain's `create_agent`, and on a graph with a ToolNode of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import tools_condition

from handrail.adapters.langgraph import Governed, tool_node
from handrail.client import Agent
from tests.adapters.shop import Shop
from tests.adapters.talk import INPUT_TOKENS, MODEL, OUTPUT_TOKENS, Conversation, Talk

QUERY: Any = {"messages": [("user", "Please help me with my order.")]}


class Scripted(BaseChatModel):
    """A chat model that says what the script says."""

    talk: Any

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **options: Any) -> "Scripted":
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.talk.read = [message.text for message in messages if isinstance(message, ToolMessage)]
        turn = self.talk.next()
        total = INPUT_TOKENS + OUTPUT_TOKENS
        usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS, "total_tokens": total}
        calls = [] if isinstance(turn, str) else turn
        message = AIMessage(
            turn if isinstance(turn, str) else "",
            tool_calls=[{"name": name, "args": given, "id": f"call-{at}"} for at, (name, given) in enumerate(calls)],
            usage_metadata=usage,
            response_metadata={"model_name": MODEL, "model_provider": "openai"},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


async def converse(agent: Agent, shop: Shop, talk: Talk) -> None:
    """With the middleware."""
    bot = create_agent(Scripted(talk=talk), [shop.get_order, shop.issue_refund], middleware=[Governed(agent)])
    state = await bot.ainvoke(QUERY)
    talk.said = state["messages"][-1].text


def graph(model: BaseChatModel, node: Any, **tools: Any) -> Any:
    """The least graph of one's own: the model, and its tools; `tools` are options of their node."""

    async def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    built = StateGraph(MessagesState)
    built.add_node("model", ask)
    built.add_node("tools", node, **tools)
    built.add_edge(START, "model")
    built.add_conditional_edges("model", tools_condition)
    built.add_edge("tools", "model")
    return built.compile()


async def converse_on_a_graph(agent: Agent, shop: Shop, talk: Talk) -> None:
    """With a ToolNode that gives errors to the model."""
    node = tool_node(agent, [shop.get_order, shop.issue_refund], handle_tool_errors=True)
    state = await graph(Scripted(talk=talk), node).ainvoke(QUERY)
    talk.said = state["messages"][-1].text


@asynccontextmanager
async def example_model(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A chat model."""
    yield Scripted(talk=talk)


EXAMPLE = "langgraph"
CONVERSATIONS = {
    "langgraph": Conversation(converse),
    "langgraph-graph": Conversation(converse_on_a_graph, answers=False),
}
