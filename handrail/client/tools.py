"""Functions that ask before they run."""

import asyncio
import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from handrail.client.answer import Permit
from handrail.client.call import Effect
from handrail.client.errors import GovernanceError, NotRecorded, Unusable

if TYPE_CHECKING:
    from handrail.client.agent import Agent

log = logging.getLogger("handrail.client")


class Governed:
    """One function as a tool of an agent: what is asked before it runs, and told afterwards."""

    def __init__(self, agent: "Agent", function: Callable[..., Any], name: str | None, effect: Effect | None) -> None:
        self.function, self.signature = function, inspect.signature(function)
        self._agent, self._effect = agent, effect
        self._name = name or str(getattr(function, "__name__", "tool"))

    async def ask(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Permit:
        """The permit to run with these arguments. Raises as `propose`."""
        permit = await self._agent.propose(self._name, self._arguments(args, kwargs), effect=self._effect)
        permit.check()
        # Whoever holds a list or dict that was given may have changed it while a person was asked.
        if json.loads(json.dumps(self._arguments(args, kwargs))) != permit.arguments:
            message = f"{self._name}: its arguments were changed while it waited: propose it again"
            raise Unusable(message, permit.decision)
        return permit

    async def returned(self, permit: Permit, result: Any) -> None:
        """Tell the result. Raises NotRecorded, which keeps it."""
        try:
            await self._agent.executed(permit, result)
        except NotRecorded as error:
            error.result = result
            raise

    async def failed(self, permit: Permit, error: BaseException) -> None:
        """Tell the error; what cannot be told is logged, since the error itself is on its way to the caller."""
        try:
            await self._agent.executed(permit, error=f"{type(error).__name__}: {error}")
        except GovernanceError as unrecorded:
            log.error("%s", unrecorded)

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """By name, defaults included; those of `**rest` beside the others."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        found: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            rest = self.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
            found.update(value if rest else {name: value})
        return found


def governed(
    agent: "Agent", function: Callable[..., Any], name: str | None, effect: Effect | None
) -> Callable[..., Awaitable[Any]]:
    """The function, asked for before each run."""
    tool = Governed(agent, function, name, effect)

    @functools.wraps(function)
    async def asked(*args: Any, **kwargs: Any) -> Any:
        permit = await tool.ask(args, kwargs)
        async with agent.admitted(permit):
            try:
                result = await run(function, args, kwargs)
            except BaseException as error:
                await tool.failed(permit, error)
                raise
        await tool.returned(permit, result)
        return result

    return asked


async def run(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of the function; a plain one runs in a thread, so that other conversations go on."""
    if is_async(function):
        return await function(*args, **kwargs)
    result = await asyncio.to_thread(function, *args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
