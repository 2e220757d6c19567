"""LangGraph and LangChain agents: every tool call is asked for before it runs, and so is the answer.

    async with Agent("shop", conversation="conv-1") as agent:
        bot = create_agent(model, [get_order, issue_refund], middleware=[Governed(agent)])
        state = await bot.ainvoke({"messages": [("user", "Where is my order?")]})

For a graph of your own, `tool_node(agent, tools)` stands for `ToolNode(tools)`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from handrail.adapters import missing_framework
from handrail.adapters.calls import Calls, Refused, ToolFailed, with_defaults
from handrail.adapters.usage import Usage, known_usage, report_failure
from handrail.client import Agent, ConfigError, Halted
from handrail.client.call import Effect
from handrail.client.json_values import parse_json
from handrail.client.running import tool_name

try:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
    from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
    from langgraph.errors import GraphBubbleUp
    from langgraph.prebuilt import ToolNode
    from langgraph.prebuilt.tool_node import ToolCallRequest
    from langgraph.types import Command
except ImportError as error:
    raise missing_framework("langgraph", error) from None


class Stopped(Halted, GraphBubbleUp):
    """The conversation is halted. A GraphBubbleUp, so that no error handling of a graph goes on after it."""


class Governed(AgentMiddleware[Any, Any, Any]):
    """Middleware for `create_agent`: governs tool calls and the answer, and reports every call of the model.

    Parameters
    ----------
    agent : Agent
        The entered agent whose conversation this is.
    effects : mapping, optional
        `read` or `write` by the name of the tool.
    answers : bool
        False for a sub-agent, whose answer no customer reads.
    """

    def __init__(self, agent: Agent, *, effects: Mapping[str, Effect] | None = None, answers: bool = True) -> None:
        super().__init__()
        self._agent, self._calls, self._answers = agent, Calls(agent, effects), answers

    async def awrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        """The tool's message, or the refusal as one. Raises Stopped (a Halted); ConfigError for tools that yield."""
        call, handled = request.tool_call, []
        properties = request.tool.args if request.tool else {}
        for function in (getattr(request.tool, "func", None), getattr(request.tool, "coroutine", None)):
            tool_name(function, call["name"])

        async def run(arguments: dict[str, Any]) -> Any:
            handled.append(await handler(request.override(tool_call={**call, "args": arguments})))
            return _result_of(handled[0])

        try:
            result = await self._calls.call(call["name"], with_defaults(call["args"], properties), run)
        except ToolFailed:
            return handled[0]
        except Halted as halted:
            raise Stopped(str(halted), halted.decision) from None
        if isinstance(result, Refused):
            return ToolMessage(str(result), name=call["name"], tool_call_id=call["id"], status="error")
        return handled[0]

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        """Raises ConfigError: nothing is asked without an event loop, so nothing runs."""
        raise ConfigError(f"{request.tool_call['name']}: use `ainvoke` or `astream`: an Agent asks on the event loop")

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """The model's response, after its usage is reported."""
        began_s, named = time.monotonic(), _model(request.model, {})
        try:
            response = await handler(request)
        except (Exception, asyncio.CancelledError) as error:
            await report_failure(self._agent, named, error, latency_ms=_ms(began_s))
            raise
        messages = [message for message in response.result if isinstance(message, AIMessage)]
        for message in messages:
            named = _model(request.model, message.response_metadata)
            await self._agent.llm(named, _usage(message), latency_ms=_ms(began_s))
        if not messages:
            await self._agent.llm(named, None, latency_ms=_ms(began_s))
        return response

    async def aafter_agent(self, state: Any, runtime: Any) -> None:
        """The answer counts as said. Raises as `Agent.respond`; the answer must not be shown then."""
        last = state["messages"][-1]
        if self._answers and isinstance(last, AIMessage) and last.text:
            await self._agent.respond(last.text)


def tool_node(
    agent: Agent, tools: Sequence[Any], *, effects: Mapping[str, Effect] | None = None, **options: Any
) -> ToolNode:
    """A ToolNode whose calls are governed. Both of its wrappers are set: with one alone `invoke` passes it by."""
    calls = Governed(agent, effects=effects)
    return ToolNode(tools, wrap_tool_call=calls.wrap_tool_call, awrap_tool_call=calls.awrap_tool_call, **options)


def _result_of(answered: Any) -> Any:
    """The tool's result, without the ids that LangGraph gives to messages and calls: they are new each time."""
    if isinstance(answered, ToolMessage) and answered.status == "error":
        raise ToolFailed(answered.text)
    if isinstance(answered, BaseMessage):
        return _content(answered.content)
    if isinstance(answered, Command):
        update = {entry.name: _result_of(getattr(answered, entry.name)) for entry in fields(answered)}
        return {name: value for name, value in update.items() if value}
    if isinstance(answered, Mapping):
        return {name: _result_of(value) for name, value in answered.items()}
    return [_result_of(entry) for entry in answered] if isinstance(answered, list | tuple) else answered


def _content(content: Any) -> Any:
    """JSON where it is the text of some, so that facts and `volatile` find their fields; blocks without their ids."""
    if isinstance(content, str):
        return parse_json(content)
    return [
        {name: value for name, value in block.items() if name != "id"} if isinstance(block, dict) else block
        for block in content
    ]


def _usage(message: AIMessage) -> Usage | None:
    usage = message.usage_metadata
    if usage is None:
        return None
    cached = usage.get("input_token_details", {}).get("cache_read")
    return known_usage(usage["input_tokens"], usage["output_tokens"], cached)


def _model(model: Any, metadata: Mapping[str, Any]) -> dict[str, str]:
    name = metadata.get("model_name") or getattr(model, "model_name", None) or getattr(model, "model", None)
    return {"provider": metadata.get("model_provider", model._llm_type), "name": str(name or type(model).__name__)}


def _ms(since_s: float) -> float:
    return (time.monotonic() - since_s) * 1000
