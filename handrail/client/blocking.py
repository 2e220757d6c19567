"""The agent for code without an event loop: the same one, driven in the background."""

import functools
import inspect
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from types import AsyncGeneratorType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, overload

from handrail.client.agent import Agent
from handrail.client.answer import Permit
from handrail.client.background import background
from handrail.client.call import Effect
from handrail.client.gate import Admission
from handrail.client.running import here, is_async, whole
from handrail.client.tools import Governed

P = ParamSpec("P")
T = TypeVar("T")


def _made_like(
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

    @_made_like(Agent.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._agent = Agent(*args, **kwargs)
        self._background = background()

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
        """As `Agent.tool`; a plain function runs in the thread that calls it, an async one in the background."""
        if function is None:
            return lambda given: self.tool(given, name=name, effect=effect)
        if is_async(function):
            return _in_background(self._agent.tool(function, name=name, effect=effect), self)
        return _here(Governed(self._agent, function, name, effect), self)


def _in_background(asked: Callable[..., Any], agent: BlockingAgent) -> Callable[..., Any]:
    @functools.wraps(asked)
    def blocked(*args: Any, **kwargs: Any) -> Any:
        return agent._background.run(asked(*args, **kwargs))

    return blocked


def _here(tool: Governed, agent: BlockingAgent) -> Callable[..., Any]:
    run = agent._background.run

    @functools.wraps(tool.function)
    def asked(*args: Any, **kwargs: Any) -> Any:
        bound = tool.bound(args, kwargs)
        permit = run(tool.ask(bound))
        with tool.admitted(permit):
            try:
                result = here(tool.function, bound.args, bound.kwargs).given_here()
                if inspect.isawaitable(result) or isinstance(result, AsyncGeneratorType):
                    result = run(whole(result))
            except BaseException as error:
                run(tool.failed(permit, error))
                raise
        run(tool.returned(permit, result))
        return result

    return asked
