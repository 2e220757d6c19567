"""The Claude Agent SDK: every tool that `claude` wants to use is asked for in a hook before it runs.

    async with Agent("shop", conversation="conv-1") as agent, Governed(agent, ClaudeAgentOptions(...)) as shop:
        async for message in shop.told(query(prompt="Where is my order?", options=shop.options)):
            if isinstance(message, ResultMessage):
                print(message.result)

Also with `ClaudeSDKClient(shop.options)` and `shop.told(client.receive_response())`. What is allowed here is still
subject to the permissions of the options: Handrail only ever refuses.
"""

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

from handrail.adapters import missing_framework
from handrail.adapters.calls import Calls, ToolFailed
from handrail.adapters.usage import Usage, known_usage, report_failure, usd
from handrail.client import Agent, HandrailError
from handrail.client.call import Effect
from handrail.client.running import Unfinished

try:
    from claude_agent_sdk import AssistantMessage, ClaudeAgentOptions, HookMatcher, ResultMessage
except ImportError as error:
    raise missing_framework("claude-agent", error) from None

WAIT_S_MAX = 86_400  # of a hook: the agent's own timeouts are shorter, and end in a refusal
UNKNOWN = "unknown"
END_S_MAX = 5.0  # of messages that have an end; `receive_messages` has none


@dataclass(slots=True)
class ToolUse:
    """One use of a tool: allowed or not, then what came of it."""

    arguments: dict[str, Any]
    task: "asyncio.Task[Any] | None" = None
    allowed: asyncio.Event = field(default_factory=asyncio.Event)
    outcome: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Governed:
    """For one session and the length of an `async with` block: `options` whose hooks ask, `told` around the messages.

    Parameters
    ----------
    agent : Agent
        The entered agent whose conversation this is.
    options : ClaudeAgentOptions
        Copied; its own hooks stay.
    effects : mapping, optional
        `read` or `write` by the name of the tool, `mcp__SERVER__TOOL` for those of an MCP server.
    """

    def __init__(
        self, agent: Agent, options: ClaudeAgentOptions, *, effects: Mapping[str, Effect] | None = None
    ) -> None:
        self._agent, self._calls = agent, Calls(agent, effects)
        self._uses: dict[str, ToolUse] = {}
        self._spent: dict[tuple[str, str], dict[str, Any]] = {}
        after_hooks = [HookMatcher(hooks=[self._after_tool])]
        own_hooks = {
            "PreToolUse": [HookMatcher(hooks=[self._before_tool], timeout=WAIT_S_MAX, on_failure="block")],
            "PostToolUse": after_hooks,
            "PostToolUseFailure": after_hooks,
        }
        hooks = cast(dict[str, list[HookMatcher]], options.hooks or {})
        merged = {name: [*own_hooks.get(name, []), *hooks.get(name, [])] for name in {**own_hooks, **hooks}}
        self.options = replace(options, hooks=cast(Any, merged))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Report as `unknown` what was allowed and has no outcome: it may have run."""
        unreported = [use.task for use in self._uses.values() if use.task is not None]
        for task in unreported:
            task.cancel()
        await asyncio.gather(*unreported, return_exceptions=True)

    async def told(self, messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The messages. A result comes after the usage of the models is reported, and after its text counts as said.

        Raises Halted, and as `Agent.respond`: the text must not be shown then.
        """
        model: str | None = None  # of the turn under way
        try:
            async with aclosing(cast(AsyncGenerator[Any, None], messages)) as open_messages:
                async for message in open_messages:
                    if isinstance(message, ResultMessage):
                        turn_model, model = model, None
                        try:
                            await self._finish_turn(message, turn_model)
                        except HandrailError:
                            await _exhaust(open_messages)
                            raise
                    else:
                        model = message.model if isinstance(message, AssistantMessage) else model or UNKNOWN
                    yield message
        finally:
            if model is not None:
                await report_failure(self._agent, _model(model), "the turn failed or was left before its result")

    async def _finish_turn(self, result: ResultMessage, model: str | None) -> None:
        """`model` is the one of the last message; only the result says what was used."""
        for name, spent in (result.model_usage or {}).items():
            await self._report_usage((result.session_id, name), dict(spent))
        if not result.model_usage and model is not None and result.duration_api_ms:
            await self._agent.llm(_model(model), _usage(result.usage or {}))
        if self._calls.halted is not None:
            raise self._calls.halted
        if result.result and not result.is_error:
            await self._agent.respond(result.result)

    async def _report_usage(self, key: tuple[str, str], spent: dict[str, Any]) -> None:
        """What a model used since the last result: the SDK gives sums over the whole session."""
        before, self._spent[key] = self._spent.get(key, {}), spent
        names = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")
        fresh, read, written, output = (spent.get(name, 0) - before.get(name, 0) for name in names)
        cost_usd = usd(spent.get("costUSD", 0) - before.get("costUSD", 0)) or None  # 0 where it knows no price
        tokens = {"input_tokens": fresh + read + written, "cached_input_tokens": read, "output_tokens": output}
        if any(tokens.values()):
            await self._agent.llm(_model(key[1]), tokens, cost_usd=cost_usd)

    async def _before_tool(self, hook_input: Any, _: str | None, __: Any) -> Any:
        """Nothing to say where the tool may run; else why not, for the model. After a halt, `claude` ends its turn."""
        use = self._uses[hook_input["tool_use_id"]] = ToolUse(copy.deepcopy(hook_input["tool_input"]))

        async def run(arguments: dict[str, Any]) -> Any:
            use.allowed.set()
            return await use.outcome

        use.task = asyncio.ensure_future(self._calls.call(hook_input["tool_name"], use.arguments, run, alone=True))
        allowed = asyncio.ensure_future(use.allowed.wait())
        await asyncio.wait({use.task, allowed}, return_when=asyncio.FIRST_COMPLETED)
        if use.allowed.is_set():
            return {}
        allowed.cancel()
        del self._uses[hook_input["tool_use_id"]]
        failure = use.task.exception()
        if failure is not None and failure is not self._calls.halted:
            raise failure
        denied = {"hookEventName": "PreToolUse", "permissionDecision": "deny"}
        why = failure.customer_message if failure is not None else str(use.task.result())
        denial = {"hookSpecificOutput": {**denied, "permissionDecisionReason": why}}
        return denial if failure is None else {**denial, "continue_": False, "stopReason": why}

    async def _after_tool(self, hook_input: Any, _: str | None, __: Any) -> Any:
        """What came of it is on the log."""
        use = self._uses.pop(hook_input["tool_use_id"], None)
        if use is not None and use.task is not None and not use.outcome.done():
            if hook_input["tool_input"] != use.arguments:
                use.outcome.set_exception(Unfinished(f"a hook or permission changed it: {hook_input['tool_input']}"))
            elif hook_input["hook_event_name"] == "PostToolUse":
                use.outcome.set_result(hook_input["tool_response"])
            else:
                use.outcome.set_exception(ToolFailed(hook_input["error"]))
            await asyncio.wait({use.task})
            use.task.exception()
        return {}


def _usage(tokens: Mapping[str, Any]) -> Usage | None:
    """The usage of all models of the turn together, where the SDK does not distinguish them."""
    fresh, read, written = (
        tokens.get(name) or 0 for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    return known_usage(fresh + read + written, tokens.get("output_tokens"), read)


def _model(model: str) -> dict[str, str]:
    return {"provider": "anthropic", "name": model}


async def _exhaust(messages: AsyncIterator[Any]) -> None:
    """Let the program end by itself: the SDK leaves it to the garbage collector where `query` is left early."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_S_MAX):
            async for _ in messages:
                pass
