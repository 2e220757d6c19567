"""The OpenAI Agents SDK: every function tool and MCP tool is asked for before it runs, and so is the answer.

    async with Agent("shop", conversation="conv-1") as agent:
        bot = agents.Agent(name="shop", tools=[get_order, issue_refund])
        result = await run(agent, bot, "Where is my order?")

`run` is `Runner.run(governed(agent, bot), ...)` and `agent.respond`. The SDK's own hooks cannot stop a tool: its tools
are wrapped instead, also those of agents that it hands off to.
"""

import asyncio
import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from handrail.adapters import missing_framework
from handrail.adapters.calls import Calls, Refused, with_defaults
from handrail.adapters.usage import known_usage, report_failure
from handrail.client import Agent, ConfigError, Halted
from handrail.client.call import Effect
from handrail.client.running import Unfinished

try:
    import agents
    from agents.models import get_default_model
    from agents.tool import (
        FunctionTool,
        invoke_function_tool,
        set_function_tool_failure_error_function,
    )
    from agents.tool import maybe_invoke_function_tool_failure_error_function as explained
    from agents.tool_context import ToolContext
except ImportError as error:
    raise missing_framework("openai-agents", error) from None


ABANDONED = "it failed or was left"


class Stopped(Halted, agents.AgentsException):
    """The conversation is halted. An AgentsException, so that the SDK ends the run with it and with nothing else."""


class _TimedOut(Unfinished):
    """The tool's own time limit passed: it is reported that the tool may have run."""


@dataclass
class GovernedAgent(agents.Agent[Any]):
    """A copy of a bot whose tools ask before they run; `governed` makes it."""

    calls: Calls | None = None
    model_calls: "_ModelCalls | None" = None

    async def get_all_tools(self, run_context: Any) -> list[Any]:
        """The tools of a turn, those of MCP servers too. Raises ConfigError where one would run ungoverned."""
        assert self.calls is not None
        return [_governed_tool(self.calls, tool) for tool in await super().get_all_tools(run_context)]


async def run(agent: Agent, bot: "agents.Agent[Any]", query: Any, **options: Any) -> "agents.RunResult":
    """The result of `Runner.run`, once the answer counts as said. Raises as that, as `Agent.respond`, and Stopped."""
    copied = governed(agent, bot)
    assert copied.model_calls is not None
    try:
        result = await agents.Runner.run(copied, query, **options)
    except (Exception, asyncio.CancelledError) as error:
        await copied.model_calls.abandon(error)
        raise
    finally:
        if copied is not bot:  # all calls of the copy have ended
            agent._cancel_before_exit(copied.model_calls.abandon)
    await agent.respond(str(result.final_output))
    return result


def governed(agent: Agent, bot: "agents.Agent[Any]", *, effects: Mapping[str, Effect] | None = None) -> GovernedAgent:
    """A copy of the bot, and of those it hands off to, that asks before each tool call and reports its model's usage.

    `effects`: `read` or `write` by the name of the tool. A bot that serves another as a tool is governed by itself:
    `governed(agent, helper).as_tool(...)`.
    """
    if isinstance(bot, GovernedAgent):
        return bot
    model_calls = _ModelCalls(agent)
    agent._before_exit(model_calls.abandon)
    return _copy(bot, Calls(agent, effects), model_calls, {})


def _copy(bot: Any, calls: Calls, model_calls: "_ModelCalls", copies: dict[int, GovernedAgent]) -> GovernedAgent:
    """`copies` are those made so far, by the id of the original: bots may hand off to each other."""
    if isinstance(bot, GovernedAgent):
        return bot
    if type(bot) is not agents.Agent:
        raise ConfigError(f"{bot.name}: a {type(bot).__name__} may run tools that cannot be governed: use an Agent")
    if id(bot) not in copies:
        hooks = _ReportingHooks(model_calls, bot.hooks)
        attributes = {item.name: getattr(bot, item.name) for item in fields(bot)} | {
            "hooks": hooks,
            "calls": calls,
        }
        copied = copies[id(bot)] = GovernedAgent(**attributes, model_calls=model_calls)
        copied.handoffs = [_handoff(item, calls, model_calls, copies) for item in bot.handoffs]
    return copies[id(bot)]


def _handoff(target: Any, calls: Calls, model_calls: "_ModelCalls", copies: dict[int, GovernedAgent]) -> Any:
    if not isinstance(target, agents.Handoff):
        return _copy(target, calls, model_calls, copies)

    async def hand_off(context: Any, arguments_json: str) -> Any:
        return _copy(await target.on_invoke_handoff(context, arguments_json), calls, model_calls, copies)

    return replace(target, on_invoke_handoff=hand_off)


def _governed_tool(calls: Calls, tool: Any) -> FunctionTool:
    if not isinstance(tool, FunctionTool):
        raise ConfigError(f"{tool.name}: a {type(tool).__name__} does not run here as a function: leave it out")
    if tool._is_agent_tool and not isinstance(tool._agent_instance, GovernedAgent):
        raise ConfigError(f"{tool.name}: its agent is not governed: use governed(agent, bot).as_tool(...)")
    inner = set_function_tool_failure_error_function(copy.copy(tool), None)  # it raises what it would hide
    inner.timeout_behavior = "raise_exception"

    async def invoke(context: ToolContext[Any], arguments_json: str) -> Any:
        async def run_it(arguments: dict[str, Any]) -> Any:
            try:
                return await invoke_function_tool(function_tool=inner, context=context, arguments=json.dumps(arguments))
            except agents.ToolTimeoutError as late:  # a plain function goes on in its thread
                raise _TimedOut(str(late)) from late

        try:
            complete = with_defaults(json.loads(arguments_json or "{}"), tool.params_json_schema.get("properties", {}))
            result = await calls.call(tool.name, complete, run_it)
        except Halted as halted:
            raise Stopped(str(halted), halted.decision) from None
        except Exception as error:
            failure = error.__cause__ if isinstance(error, _TimedOut) else error
            assert isinstance(failure, Exception)
            explanation = await explained(function_tool=tool, context=context, error=failure)
            if explanation is None:
                raise failure from None
            return explanation
        return str(result) if isinstance(result, Refused) else result

    outer = copy.copy(tool)
    outer.on_invoke_tool, outer.timeout_seconds = invoke, None  # the time a person takes is not the tool's
    return outer


class _ModelCalls:
    """Calls of models that are under way, each in its run: the SDK never reports one that fails or is left."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._calls: dict[int, tuple[Any, dict[str, str]]] = {}  # a run by the id of its context, and its model

    async def start(self, context: Any, model: dict[str, str]) -> None:
        """A call begins; an earlier one of the same run that has not ended is abandoned."""
        await self._abandon(id(context), ABANDONED)
        self._calls[id(context)] = (context, model)

    def end(self, context: Any) -> None:
        """The call has ended, and its usage is reported."""
        self._calls.pop(id(context), None)

    async def abandon(self, error: BaseException | str = ABANDONED) -> None:
        """Report all calls under way as calls of unknown cost."""
        for run in list(self._calls):
            await self._abandon(run, error)

    async def _abandon(self, run: int, error: BaseException | str) -> None:
        if (call := self._calls.pop(run, None)) is not None:
            await report_failure(self.agent, call[1], error)


class _ReportingHooks(agents.AgentHooks[Any]):
    """Tells what each call of the model used; a bot's own hooks are called as before."""

    def __init__(self, model_calls: _ModelCalls, own: Any) -> None:
        self._model_calls, self._own = model_calls, own
        for name in ("on_start", "on_end", "on_handoff", "on_tool_start", "on_tool_end"):
            if own is not None:
                setattr(self, name, getattr(own, name))

    async def on_llm_start(self, context: Any, agent: Any, system_prompt: Any, input_items: Any) -> None:
        """A call begins."""
        await self._model_calls.start(context, _model(agent))
        if self._own is not None:
            await self._own.on_llm_start(context, agent, system_prompt, input_items)

    async def on_llm_end(self, context: Any, agent: Any, response: agents.ModelResponse) -> None:
        """What was used is on the log. Raises NotRecorded."""
        self._model_calls.end(context)
        usage = response.usage
        tokens = known_usage(usage.input_tokens, usage.output_tokens, usage.input_tokens_details.cached_tokens)
        await self._model_calls.agent.llm(_model(agent), tokens)
        if self._own is not None:
            await self._own.on_llm_end(context, agent, response)


def _model(agent: Any) -> dict[str, str]:
    model = getattr(agent.model, "model", agent.model) or get_default_model()
    return {"provider": "openai", "name": model if isinstance(model, str) else type(model).__name__}
