"""Functions that ask before they run."""

import asyncio
import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from handrail.client.answer import Permit
from handrail.client.call import Effect
from handrail.client.errors import GovernanceError, NotRecorded, Unusable
from handrail.client.gate import Admission
from handrail.client.judged import copied
from handrail.client.running import Ended, checked, in_thread, is_async, may_have_run, whole

if TYPE_CHECKING:
    from handrail.client.agent import Agent

log = logging.getLogger("handrail.client")


class Governed:
    """One function as a tool of an agent: what is asked before it runs, and told afterwards. Raises ConfigError."""

    def __init__(self, agent: "Agent", function: Callable[..., Any], name: str | None, effect: Effect | None) -> None:
        self._name = checked(function, name)
        self.function, self.signature = function, inspect.signature(function)
        self._agent, self._effect = agent, effect

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        """A copy of the arguments, defaults included: it is judged, and the function runs on it. Raises TypeError."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            bound.arguments[name] = copied(value)
        return bound

    async def ask(self, bound: inspect.BoundArguments) -> Permit:
        """The permit to run with these arguments. Raises as `propose`."""
        asked = self._arguments(bound)
        permit = await self._agent.propose(self._name, asked, effect=self._effect)
        permit.check()
        if json.loads(json.dumps(asked)) != permit.arguments:
            message = f"{self._name}: what was judged are not its arguments: give plain JSON that stays as it is"
            raise Unusable(message, permit.decision)
        return permit

    def admitted(self, permit: Permit) -> Admission | nullcontext[None]:
        """Through the agent's gate, as a call of this tool."""
        return self._agent.admitted(permit, self._name)

    async def returned(self, permit: Permit, result: Any) -> None:
        """Tell the result. Raises NotRecorded, which keeps it."""
        try:
            await self._agent.executed(permit, result)
        except NotRecorded as error:
            error.result = result
            raise

    async def failed(self, permit: Permit, error: BaseException) -> None:
        """Tell the error, or that it may have run.

        What cannot be told is logged, since the error itself is on its way to the caller.
        """
        said = f"{type(error).__name__}: {error}"
        told: dict[str, Any] = {"unknown": said} if may_have_run(error) else {"error": said}
        try:
            await self._agent.executed(permit, **told)
        except GovernanceError as unrecorded:
            log.error("%s", unrecorded)

    async def given_up(
        self, permit: Permit, admission: Admission | nullcontext[None], running: "asyncio.Task[Ended]"
    ) -> None:
        """Nobody waits for the thread any more, and it goes on: tell so, and when it has ended, how."""
        if not running.done():
            await self.failed(permit, GivenUp("it was given up while it ran, and goes on in its thread"))
        ended = await asyncio.shield(running)
        error = ended.error
        if isinstance(admission, Admission) and (error is None or not may_have_run(error)):
            await asyncio.to_thread(admission.end, "ok" if error is None else "error")
        if error is not None:
            await self.failed(permit, error)
            return
        try:
            await self._agent.executed(permit, ended.result)
        except GovernanceError as unrecorded:
            log.error("%s", unrecorded)

    def _arguments(self, bound: inspect.BoundArguments) -> dict[str, Any]:
        """By name, defaults included; those of `**rest` beside the others."""
        found: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            rest = self.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
            found.update(value if rest else {name: value})
        return found


class GivenUp(asyncio.CancelledError):
    """Who waited for a tool was cancelled, or had a time limit."""


def governed(
    agent: "Agent", function: Callable[..., Any], name: str | None, effect: Effect | None
) -> Callable[..., Awaitable[Any]]:
    """The function, asked for before each run. Raises ConfigError for one that would run outside of its permit."""
    tool = Governed(agent, function, name, effect)

    @functools.wraps(function)
    async def asked(*args: Any, **kwargs: Any) -> Any:
        bound = tool.bound(args, kwargs)
        permit = await tool.ask(bound)
        admission = tool.admitted(permit)
        async with admission:
            result = await _run(agent, tool, permit, bound, admission)
        await asyncio.shield(agent._goes_on(tool.returned(permit, result)))
        return result

    return asked


async def _run(
    agent: "Agent",
    tool: Governed,
    permit: Permit,
    bound: inspect.BoundArguments,
    admission: Admission | nullcontext[None],
) -> Any:
    """The result; a plain function runs in a thread, so that other conversations go on."""
    running = None
    try:
        if is_async(tool.function):
            return await whole(await tool.function(*bound.args, **bound.kwargs))
        running = in_thread(tool.function, bound.args, bound.kwargs)
        return await whole((await asyncio.shield(running)).given())
    except BaseException as error:
        if running is not None and not running.done():
            agent._goes_on(tool.given_up(permit, admission, running))
        else:
            await asyncio.shield(agent._goes_on(tool.failed(permit, error)))
        raise
