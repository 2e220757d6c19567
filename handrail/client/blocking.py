"""The agent for code without an event loop: an `Agent` on one background event loop per process."""

import asyncio
import atexit
import functools
import inspect
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import nullcontext, suppress
from types import AsyncGeneratorType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast, overload

from handrail.client.agent import Agent
from handrail.client.answer import Permit
from handrail.client.call import Effect
from handrail.client.client import Client, Key
from handrail.client.gate import Admission
from handrail.client.running import is_async, resolve, run_here
from handrail.client.tools import GovernedTool
from handrail.schemas.errors import ConfigError, HandrailError

P = ParamSpec("P")
T = TypeVar("T")

END_S_MAX = 5.0


class _Background:
    """The loop, its thread, and the connections that stay open until the process ends."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._clients: dict[Key, Client] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, name="handrail", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of the coroutine, run in the background; an interrupt here cancels it there."""
        if self.pid != os.getpid() or threading.current_thread() is self._thread:
            work.close()
            where = "before this process was forked" if self.pid != os.getpid() else "in a callback of its own loop"
            raise ConfigError(f"BlockingAgent: it was made or used {where}: make one here")
        future = asyncio.run_coroutine_threadsafe(_catch_exit(work), self._loop)
        try:
            result, error = future.result()
        except BaseException:
            future.cancel()
            raise
        if error is not None:
            raise error
        return cast(T, result)

    async def hold(self, client: Client) -> None:
        """Keep the client's connection open: the next agent need not connect again."""
        if client.key not in self._clients:
            twin = client.twin()
            self._clients[client.key] = twin
            try:
                await twin.__aenter__()
            except BaseException:
                del self._clients[client.key]
                raise

    def _end(self) -> None:
        if self.pid != os.getpid():
            return
        with suppress(TimeoutError, HandrailError):
            asyncio.run_coroutine_threadsafe(self._close_clients(), self._loop).result(END_S_MAX)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_S_MAX)

    async def _close_clients(self) -> None:
        while self._clients:
            _, client = self._clients.popitem()
            await client.__aexit__()


async def _catch_exit(work: Coroutine[Any, Any, T]) -> tuple[T | None, BaseException | None]:
    """The result, or the exit that was raised: in a task it would end the event loop of all agents."""
    try:
        return await work, None
    except (SystemExit, KeyboardInterrupt) as error:
        return None, error


_background_lock = threading.Lock()
_current_background: _Background | None = None


def _get_background() -> _Background:
    """The event loop of this process; a forked process gets its own."""
    global _current_background
    with _background_lock:
        if _current_background is None or _current_background.pid != os.getpid():
            _current_background = _Background()
        return _current_background


def _same_parameters(
    init: Callable[Concatenate[Agent, P], None],
) -> Callable[[Callable[..., None]], Callable[Concatenate["BlockingAgent", P], None]]:
    """Give `__init__` the parameters of the async one."""
    return lambda own: functools.wraps(init)(own)


def _blocking(
    method: Callable[Concatenate[Agent, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["BlockingAgent", P], T]:
    """The method of the async agent, run in the background until it returns."""

    @functools.wraps(method)
    def blocked(self: "BlockingAgent", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._background.run(method(self._agent, *args, **kwargs))

    return blocked


class BlockingAgent:
    """`Agent` for a `with` block, with the same parameters, methods and errors; nothing is awaited.

    All of a process run on one background event loop and share its connection, which stays open until the process
    ends. Safe to use from several threads. A process that forks makes its agents after the fork.
    """

    @_same_parameters(Agent.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._agent = Agent(*args, **kwargs)
        self._background = _get_background()

    def __enter__(self) -> Self:
        self._background.run(self._enter())
        return self

    def __exit__(self, *_: object) -> None:
        self._background.run(self._agent.__aexit__())

    async def _enter(self) -> None:
        if not self._agent.observe:
            await self._background.hold(self._agent.client)
        await self._agent.__aenter__()

    route = _blocking(Agent.route)
    human_requested = _blocking(Agent.human_requested)
    propose = _blocking(Agent.propose)
    executed = _blocking(Agent.executed)
    respond = _blocking(Agent.respond)
    propose_llm = _blocking(Agent.propose_llm)
    llm = _blocking(Agent.llm)
    customer_acted = _blocking(Agent.customer_acted)
    human_replied = _blocking(Agent.human_replied)
    feedback = _blocking(Agent.feedback)
    ended = _blocking(Agent.ended)
    decided = _blocking(Agent.decided)
    returned = _blocking(Agent.returned)

    def admitted(self, permit: Permit, tool: str | None = None) -> Admission | nullcontext[None]:
        """As `Agent.admitted`, for a `with` block."""
        return self._agent.admitted(permit, tool)

    @property
    def agent_id(self) -> str:
        """The agent's name."""
        return self._agent.agent_id

    @property
    def conversation(self) -> str:
        """The conversation's id."""
        return self._agent.conversation

    @property
    def execution(self) -> str:
        """The execution's id."""
        return self._agent.execution

    @overload
    def tool(
        self, function: Callable[P, Coroutine[Any, Any, T]], *, name: str | None = None, effect: Effect | None = None
    ) -> Callable[P, T]: ...

    @overload
    def tool(
        self, function: Callable[P, T], *, name: str | None = None, effect: Effect | None = None
    ) -> Callable[P, T]: ...

    @overload
    def tool(
        self, function: None = None, *, name: str | None = None, effect: Effect | None = None
    ) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...

    def tool(self, function: Any = None, *, name: str | None = None, effect: Effect | None = None) -> Any:
        """As `Agent.tool`; a plain function runs in the calling thread, an async one in the background."""
        if function is None:
            return lambda decorated: self.tool(decorated, name=name, effect=effect)
        if is_async(function):
            return _in_background(self._agent.tool(function, name=name, effect=effect), self)
        return _in_this_thread(GovernedTool(self._agent, function, name, effect), self)


def _in_background(tool: Callable[..., Any], agent: BlockingAgent) -> Callable[..., Any]:
    @functools.wraps(tool)
    def run_tool(*args: Any, **kwargs: Any) -> Any:
        return agent._background.run(tool(*args, **kwargs))

    return run_tool


def _in_this_thread(tool: GovernedTool, agent: BlockingAgent) -> Callable[..., Any]:
    run = agent._background.run

    @functools.wraps(tool.function)
    def run_tool(*args: Any, **kwargs: Any) -> Any:
        bound = tool.bound(args, kwargs)
        permit = run(tool.ask(bound))
        with tool.admitted(permit):
            try:
                result = run_here(tool.function, bound.args, bound.kwargs).unwrap()
                if inspect.isawaitable(result) or isinstance(result, AsyncGeneratorType):
                    result = run(resolve(result))
            except BaseException as error:
                run(tool.failed(permit, error))
                raise
        run(tool.returned(permit, result))
        return result

    return run_tool
