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

from handrail.adapters.calls import Calls, ToolFailed
from handrail.adapters.extras import missing
from handrail.adapters.usd import usd
from handrail.adapters.used import Used, tell_left, used
from handrail.client import Agent, HandrailError
from handrail.client.call import Effect
from handrail.client.running import Unfinished

try:
    from claude_agent_sdk import AssistantMessage, ClaudeAgentOptions, HookMatcher, ResultMessage
except ImportError as error:
    raise missing("claude-agent", error) from None

WAIT_S_MAX = 86_400  # of a hook: the agent's own timeouts are shorter, and end in a refusal
UNKNOWN = "unknown"
END_S_MAX = 5.0  # of messages that have an end; `receive_messages` has none


@dataclass(slots=True)
class Use:
    """One use of a tool: allowed or not, then what came of it."""

    asked: dict[str, Any]
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
        self._uses: dict[str, Use] = {}
        self._spent: dict[tuple[str, str], dict[str, Any]] = {}
        after = [HookMatcher(hooks=[self._after])]
        ours = {
            "PreToolUse": [HookMatcher(hooks=[self._before], timeout=WAIT_S_MAX, on_failure="block")],
            "PostToolUse": after,
            "PostToolUseFailure": after,
        }
        hooks = cast(dict[str, list[HookMatcher]], options.hooks or {})
        merged = {name: [*ours.get(name, []), *hooks.get(name, [])] for name in {**ours, **hooks}}
        self.options = replace(options, hooks=cast(Any, merged))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """What was allowed and never reported is told as `unknown`: it may have run."""
        left = [use.task for use in self._uses.values() if use.task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def told(self, messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The messages. A result comes after what the models used is told, and after its text counts as said.

        Raises Halted, and as `Agent.respond`: the text must not be shown then.
        """
        model: str | None = None  # of the turn under way
        try:
            async with aclosing(cast(AsyncGenerator[Any, None], messages)) as open_messages:
                async for message in open_messages:
                    if isinstance(message, ResultMessage):
                        said, model = model, None
                        try:
                            await self._end(message, said)
                        except HandrailError:
                            await _run_out(open_messages)
                            raise
                    else:
                        model = message.model if isinstance(message, AssistantMessage) else model or UNKNOWN
                    yield message
        finally:
            if model is not None:
                await tell_left(self._agent, _named(model), "the turn failed or was left before its result")

    async def _end(self, result: ResultMessage, model: str | None) -> None:
        """`model` is the one that spoke last; the result alone says what was used."""
        for name, spent in (result.model_usage or {}).items():
            await self._tell((result.session_id, name), dict(spent))
        if not result.model_usage and model is not None and result.duration_api_ms:
            await self._agent.llm(_named(model), _usage(result.usage or {}))
        if self._calls.halted is not None:
            raise self._calls.halted
        if result.result and not result.is_error:
            await self._agent.respond(result.result)

    async def _tell(self, key: tuple[str, str], spent: dict[str, Any]) -> None:
        """What a model used since the last result: the SDK gives sums over the whole session."""
        before, self._spent[key] = self._spent.get(key, {}), spent
        names = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")
        fresh, read, written, output = (spent.get(name, 0) - before.get(name, 0) for name in names)
        cost_usd = usd(spent.get("costUSD", 0) - before.get("costUSD", 0)) or None  # 0 where it knows no price
        tokens = {"input_tokens": fresh + read + written, "cached_input_tokens": read, "output_tokens": output}
        if any(tokens.values()):
            await self._agent.llm(_named(key[1]), tokens, cost_usd=cost_usd)

    async def _before(self, given: Any, _: str | None, __: Any) -> Any:
        """Nothing to say where the tool may run; else why not, for the model. After a halt, `claude` ends its turn."""
        use = self._uses[given["tool_use_id"]] = Use(copy.deepcopy(given["tool_input"]))

        async def run(arguments: dict[str, Any]) -> Any:
            use.allowed.set()
            return await use.outcome

        use.task = asyncio.ensure_future(self._calls.call(given["tool_name"], use.asked, run, alone=True))
        allowed = asyncio.ensure_future(use.allowed.wait())
        await asyncio.wait({use.task, allowed}, return_when=asyncio.FIRST_COMPLETED)
        if use.allowed.is_set():
            return {}
        allowed.cancel()
        del self._uses[given["tool_use_id"]]
        failure = use.task.exception()
        if failure is not None and failure is not self._calls.halted:
            raise failure
        denied = {"hookEventName": "PreToolUse", "permissionDecision": "deny"}
        why = failure.customer_message if failure is not None else str(use.task.result())
        found = {"hookSpecificOutput": {**denied, "permissionDecisionReason": why}}
        return found if failure is None else {**found, "continue_": False, "stopReason": why}

    async def _after(self, given: Any, _: str | None, __: Any) -> Any:
        """What came of it is on the log."""
        use = self._uses.pop(given["tool_use_id"], None)
        if use is not None and use.task is not None and not use.outcome.done():
            if given["tool_input"] != use.asked:
                use.outcome.set_exception(Unfinished(f"a hook or permission changed it: {given['tool_input']}"))
            elif given["hook_event_name"] == "PostToolUse":
                use.outcome.set_result(given["tool_response"])
            else:
                use.outcome.set_exception(ToolFailed(given["error"]))
            await asyncio.wait({use.task})
            use.task.exception()
        return {}


def _usage(said: Mapping[str, Any]) -> Used | None:
    """Of all models of the turn together, where the SDK does not tell them apart."""
    fresh, read, written = (
        said.get(name) or 0 for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    return used(fresh + read + written, said.get("output_tokens"), read)


def _named(model: str) -> dict[str, str]:
    return {"provider": "anthropic", "name": model}


async def _run_out(messages: AsyncIterator[Any]) -> None:
    """The program has ended by itself: the SDK leaves it to the garbage collector where `query` is left early."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_S_MAX):
            async for _ in messages:
                pass
