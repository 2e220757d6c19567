"""How a tool runs: to its end, within its permit, and so that it is known afterwards whether it may have run.

An exception that the tool raises is its own word that it failed. Whatever ends the waiting and not the work (a
cancellation, a time limit, an exit) says nothing: what was begun may have taken effect.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from handrail.schemas.errors import ConfigError

ITEMS_MAX = 10_000  # of a tool that gives them one by one

Function = Callable[..., Any]


class Unfinished(Exception):
    """What ran was given up before it said how it ended: it may have taken effect."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a function ended: what it returned, or what it raised."""

    result: Any = None
    error: BaseException | None = None

    def given_here(self) -> Any:
        """The result. Raises what the function raised."""
        if self.error is not None:
            raise self.error
        return self.result

    def given(self) -> Any:
        """The result. Raises what the function raised; no coroutine can raise StopIteration: it is a RuntimeError."""
        if isinstance(self.error, StopIteration):
            raise RuntimeError("the tool raised StopIteration") from self.error
        return self.given_here()


def may_have_run(error: BaseException) -> bool:
    """Whether this ended the waiting for a tool, and not by the tool's own word the tool."""
    return isinstance(error, Unfinished | TimeoutError) or not isinstance(error, Exception)


def is_async(function: Function) -> bool:
    """Whether calling it gives something to await."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def checked(function: Function | None, name: str | None) -> str:
    """The tool's name. Raises ConfigError for a generator function, whose body runs when nobody asks any more."""
    found = name or str(getattr(function, "__name__", "tool"))
    for one in (function, getattr(function, "__call__", None)):  # noqa: B004
        if inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one):
            raise ConfigError(f"{found}: a function that yields runs after it has returned: return a list instead")
    return found


def in_thread(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "asyncio.Task[Ended]":
    """The plain function, running in a thread. Shield it from whoever gives up waiting: the thread goes on."""
    return asyncio.create_task(asyncio.to_thread(here, function, args, kwargs), name="handrail tool")


def here(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ended:
    """The plain function, run to its end where this is called, whatever it raises."""
    try:
        return Ended(_drawn(function(*args, **kwargs)))
    except BaseException as error:
        return Ended(error=error)


async def whole(result: Any) -> Any:
    """What a function really gives: what can be awaited is awaited, what comes piece by piece is a list."""
    if inspect.isawaitable(result):
        result = await result
    if isinstance(result, AsyncGeneratorType):
        return await _collected(result)
    if isinstance(result, LAZY):
        return (await asyncio.shield(in_thread(_drawn, (result,), {}))).given()
    return result


def not_awaited(result: Any, name: str) -> Any:
    """The result of a plain function where nothing can be awaited. Raises Unfinished for what had to be."""
    if inspect.isawaitable(result) or isinstance(result, AsyncGeneratorType):
        if inspect.iscoroutine(result):
            result.close()
        raise Unfinished(f"{name}: it gave something to await, and a part of it has run: make it `async def`")
    return result


LAZY = (GeneratorType, map, filter)


def _drawn(result: Any) -> Any:
    if not isinstance(result, LAZY):
        return result
    found: Iterator[Any] = iter(result)
    items = []
    for item in found:
        items.append(item)
        if len(items) > ITEMS_MAX:
            raise Unfinished(f"the tool gave more than {ITEMS_MAX:,} items, and was stopped")
    return items


async def _collected(result: AsyncGenerator[Any, None]) -> list[Any]:
    items = []
    try:
        async for item in result:
            items.append(item)
            if len(items) > ITEMS_MAX:
                raise Unfinished(f"the tool gave more than {ITEMS_MAX:,} items, and was stopped")
    finally:
        await result.aclose()
    return items
