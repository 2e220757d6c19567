"""Functions as tools of an agent: each is proposed before it runs, and its outcome is reported."""

import asyncio
import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import nullcontext
from typing import Any, Protocol

from handrail.client.answer import Permit
from handrail.client.call import Effect
from handrail.client.errors import GovernanceError, NotRecorded, Unusable
from handrail.client.gate import Admission
from handrail.client.json_values import json_copy
from handrail.client.running import ToolResult, is_async, may_have_run, resolve, run_in_thread, tool_name

log = logging.getLogger("handrail.client")


class ToolAgent(Protocol):
    """What a tool needs of its `Agent`, which documents these methods."""

    async def propose(self, tool: str, arguments: Mapping[str, Any], *, effect: Effect | None = None) -> Permit:
        """Ask to call the tool."""

    async def executed(
        self, permit: Permit, result: Any = None, *, error: object = None, unknown: object = None
    ) -> None:
        """Report that the call was made."""

    def admitted(self, permit: Permit, tool: str | None = None) -> Admission | nullcontext[None]:
        """Around the call: it goes through the agent's gate."""

    def _run_to_end(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Work that is done even when its caller is cancelled."""


class GovernedTool:
    """One function as a tool of an agent. Raises ConfigError."""

    def __init__(self, agent: ToolAgent, function: Callable[..., Any], name: str | None, effect: Effect | None) -> None:
        self._name = tool_name(function, name)
        self.function, self.signature = function, inspect.signature(function)
        self._agent, self._effect = agent, effect

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        """A copy of the arguments, defaults included: it is judged, and the function runs on it. Raises TypeError."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            bound.arguments[name] = json_copy(value)
        return bound

    async def ask(self, bound: inspect.BoundArguments) -> Permit:
        """The permit to run with these arguments. Raises as `propose`."""
        arguments = self._arguments(bound)
        permit = await self._agent.propose(self._name, arguments, effect=self._effect)
        permit.check()
        if json.loads(json.dumps(arguments)) != permit.arguments:
            message = f"{self._name}: what was judged are not its arguments: give plain JSON that stays as it is"
            raise Unusable(message, permit.decision)
        return permit

    def admitted(self, permit: Permit) -> Admission | nullcontext[None]:
        """Through the agent's gate, as a call of this tool."""
        return self._agent.admitted(permit, self._name)

    async def returned(self, permit: Permit, result: Any) -> None:
        """Report the result. Raises NotRecorded, which carries it."""
        try:
            await self._agent.executed(permit, result)
        except NotRecorded as error:
            error.result = result
            raise

    async def failed(self, permit: Permit, error: BaseException) -> None:
        """Report the error, or that the tool may have run.

        A report that fails is logged, since the error itself is on its way to the caller.
        """
        description = f"{type(error).__name__}: {error}"
        outcome: dict[str, Any] = {"unknown": description} if may_have_run(error) else {"error": description}
        try:
            await self._agent.executed(permit, **outcome)
        except GovernanceError as unrecorded:
            log.error("%s", unrecorded)

    async def given_up(
        self, permit: Permit, admission: Admission | nullcontext[None], running: "asyncio.Task[ToolResult]"
    ) -> None:
        """Report that the thread goes on without its caller, and its outcome when it has ended."""
        if not running.done():
            await self.failed(permit, GivenUp("it was given up while it ran, and goes on in its thread"))
        result = await asyncio.shield(running)
        error = result.error
        if isinstance(admission, Admission) and (error is None or not may_have_run(error)):
            await asyncio.to_thread(admission.end, "ok" if error is None else "error")
        if error is not None:
            await self.failed(permit, error)
            return
        try:
            await self._agent.executed(permit, result.value)
        except GovernanceError as unrecorded:
            log.error("%s", unrecorded)

    def _arguments(self, bound: inspect.BoundArguments) -> dict[str, Any]:
        """By name, defaults included; those of `**rest` beside the others."""
        arguments: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            rest = self.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
            arguments.update(value if rest else {name: value})
        return arguments


class GivenUp(asyncio.CancelledError):
    """The caller of a tool was cancelled, or had a time limit."""


def govern(
    agent: ToolAgent, function: Callable[..., Any], name: str | None, effect: Effect | None
) -> Callable[..., Awaitable[Any]]:
    """The function, proposed before each run. Raises ConfigError for one that would run outside of its permit."""
    tool = GovernedTool(agent, function, name, effect)

    @functools.wraps(function)
    async def run_tool(*args: Any, **kwargs: Any) -> Any:
        bound = tool.bound(args, kwargs)
        permit = await tool.ask(bound)
        admission = tool.admitted(permit)
        async with admission:
            result = await _run(agent, tool, permit, bound, admission)
        await asyncio.shield(agent._run_to_end(tool.returned(permit, result)))
        return result

    return run_tool


async def _run(
    agent: ToolAgent,
    tool: GovernedTool,
    permit: Permit,
    bound: inspect.BoundArguments,
    admission: Admission | nullcontext[None],
) -> Any:
    """The result; a plain function runs in a thread, so that other conversations go on."""
    running = None
    try:
        if is_async(tool.function):
            return await resolve(await tool.function(*bound.args, **bound.kwargs))
        running = run_in_thread(tool.function, bound.args, bound.kwargs)
        return await resolve((await asyncio.shield(running)).unwrap_in_coroutine())
    except BaseException as error:
        if running is not None and not running.done():
            agent._run_to_end(tool.given_up(permit, admission, running))
        else:
            await asyncio.shield(agent._run_to_end(tool.failed(permit, error)))
        raise
