"""The OpenAI Agents SDK: every function tool and MCP tool is asked for before it runs, and so is the answer.

    async with Agent("shop", conversation="conv-1") as agent:
        bot = agents.Agent(name="shop", tools=[get_order, issue_refund])
        result = await run(agent, bot, "Where is my order?")

`run` is `Runner.run(governed(agent, bot), ...)` and `agent.respond`. The SDK's own hooks cannot stop a tool: its tools
are wrapped instead, also those of agents that it hands off to.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from handrail.adapters.calls import Calls, Refused, with_defaults
from handrail.adapters.extras import missing
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
    raise missing("openai-agents", error) from None


class Stopped(Halted, agents.AgentsException):
    """The conversation is halted. An AgentsException, so that the SDK ends the run with it and with nothing else."""


class _TimedOut(Unfinished):
    """The tool's own time limit passed: it is told that the tool may have run."""


@dataclass
class GovernedAgent(agents.Agent[Any]):
    """A copy of a bot whose tools ask before they run; `governed` makes it."""

    calls: Calls | None = None

    async def get_all_tools(self, run_context: Any) -> list[Any]:
        """The tools of a turn, those of MCP servers too. Raises ConfigError where one would run ungoverned."""
        assert self.calls is not None
        return [_governed_tool(self.calls, tool) for tool in await super().get_all_tools(run_context)]


async def run(agent: Agent, bot: "agents.Agent[Any]", query: Any, **options: Any) -> "agents.RunResult":
    """What `Runner.run` gives, once the answer counts as said. Raises as that, as `Agent.respond`, and Stopped."""
    result = await agents.Runner.run(governed(agent, bot), query, **options)
    await agent.respond(str(result.final_output))
    return result


def governed(agent: Agent, bot: "agents.Agent[Any]", *, effects: Mapping[str, Effect] | None = None) -> GovernedAgent:
    """A copy of the bot, and of those it hands off to, that asks before each tool call and tells its model's use.

    `effects`: `read` or `write` by the name of the tool. A bot that serves another as a tool is governed by itself:
    `governed(agent, helper).as_tool(...)`.
    """
    return _copy(bot, Calls(agent, effects), {})


def _copy(bot: Any, calls: Calls, known: dict[int, GovernedAgent]) -> GovernedAgent:
    """`known` are the copies by the id of what they copy: bots may hand off to each other."""
    if isinstance(bot, GovernedAgent):
        return bot
    if type(bot) is not agents.Agent:
        raise ConfigError(f"{bot.name}: a {type(bot).__name__} may run tools that cannot be governed: use an Agent")
    if id(bot) not in known:
        told = _Telling(calls.agent, bot.hooks)
        given = {one.name: getattr(bot, one.name) for one in fields(bot)} | {"hooks": told, "calls": calls}
        found = known[id(bot)] = GovernedAgent(**given)
        found.handoffs = [_handoff(one, calls, known) for one in bot.handoffs]
    return known[id(bot)]


def _handoff(target: Any, calls: Calls, known: dict[int, GovernedAgent]) -> Any:
    if not isinstance(target, agents.Handoff):
        return _copy(target, calls, known)

    async def hand_off(context: Any, given: str) -> Any:
        return _copy(await target.on_invoke_handoff(context, given), calls, known)

    return replace(target, on_invoke_handoff=hand_off)


def _governed_tool(calls: Calls, tool: Any) -> FunctionTool:
    if not isinstance(tool, FunctionTool):
        raise ConfigError(f"{tool.name}: a {type(tool).__name__} does not run here as a function: leave it out")
    if tool._is_agent_tool and not isinstance(tool._agent_instance, GovernedAgent):
        raise ConfigError(f"{tool.name}: its agent is not governed: use governed(agent, bot).as_tool(...)")
    inner = set_function_tool_failure_error_function(copy.copy(tool), None)  # it raises what it would hide
    inner.timeout_behavior = "raise_exception"

    async def invoke(context: ToolContext[Any], given: str) -> Any:
        async def run_it(arguments: dict[str, Any]) -> Any:
            try:
                return await invoke_function_tool(function_tool=inner, context=context, arguments=json.dumps(arguments))
            except agents.ToolTimeoutError as late:  # a plain function goes on in its thread
                raise _TimedOut(str(late)) from late

        try:
            asked = with_defaults(json.loads(given or "{}"), tool.params_json_schema.get("properties", {}))
            found = await calls.call(tool.name, asked, run_it)
        except Halted as halted:
            raise Stopped(str(halted), halted.decision) from None
        except Exception as error:
            failure = error.__cause__ if isinstance(error, _TimedOut) else error
            assert isinstance(failure, Exception)
            said = await explained(function_tool=tool, context=context, error=failure)
            if said is None:
                raise failure from None
            return said
        return str(found) if isinstance(found, Refused) else found

    outer = copy.copy(tool)
    outer.on_invoke_tool, outer.timeout_seconds = invoke, None  # the time a person takes is not the tool's
    return outer


class _Telling(agents.AgentHooks[Any]):
    """Tells what each call of the model used; a bot's own hooks are called as before."""

    def __init__(self, agent: Agent, own: Any) -> None:
        self._agent, self._own = agent, own
        for name in ("on_start", "on_end", "on_handoff", "on_tool_start", "on_tool_end", "on_llm_start"):
            if own is not None:
                setattr(self, name, getattr(own, name))

    async def on_llm_end(self, context: Any, agent: Any, response: agents.ModelResponse) -> None:
        """What was used is on the log. Raises NotRecorded."""
        used, named = response.usage, getattr(agent.model, "model", agent.model) or get_default_model()
        cached = used.input_tokens_details.cached_tokens or 0
        tokens = {"input_tokens": used.input_tokens, "cached_input_tokens": cached, "output_tokens": used.output_tokens}
        model = {"provider": "openai", "name": named if isinstance(named, str) else type(named).__name__}
        await self._agent.llm(model, tokens)
        if self._own is not None:
            await self._own.on_llm_end(context, agent, response)
