"""How a tool runs: to its end, within its permit, and so that it is known afterwards whether it may have run.

An exception that the tool raises means that it failed. Whatever ends the waiting and not the work (a cancellation, a
time limit, an exit) means nothing: what was begun may have taken effect.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from handrail.schemas.errors import ConfigError

ITEMS_MAX = 10_000  # of a tool that yields its result

Function = Callable[..., Any]


class Unfinished(Exception):
    """A tool was given up before its outcome was known: it may have taken effect."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a function returned, or what it raised."""

    value: Any = None
    error: BaseException | None = None

    def unwrap(self) -> Any:
        """The value. Raises what the function raised."""
        if self.error is not None:
            raise self.error
        return self.value

    def unwrap_in_coroutine(self) -> Any:
        """As `unwrap`, with StopIteration as a RuntimeError, since no coroutine can raise it."""
        if isinstance(self.error, StopIteration):
            raise RuntimeError("the tool raised StopIteration") from self.error
        return self.unwrap()


def may_have_run(error: BaseException) -> bool:
    """Whether the error ended the waiting for a tool, and not the tool itself."""
    return isinstance(error, Unfinished | TimeoutError) or not isinstance(error, Exception)


def is_async(function: Function) -> bool:
    """Whether calling the function returns an awaitable."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def tool_name(function: Function | None, name: str | None) -> str:
    """The tool's name. Raises ConfigError for a generator function, whose body runs after the permit has ended."""
    tool = name or str(getattr(function, "__name__", "tool"))
    for candidate in (function, getattr(function, "__call__", None)):  # noqa: B004
        if inspect.isgeneratorfunction(candidate) or inspect.isasyncgenfunction(candidate):
            raise ConfigError(f"{tool}: a function that yields runs after it has returned: return a list instead")
    return tool


def run_in_thread(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "asyncio.Task[ToolResult]":
    """Run the plain function in a thread. Shield the task from cancellation: the thread goes on."""
    return asyncio.create_task(asyncio.to_thread(run_here, function, args, kwargs), name="handrail tool")


def run_here(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ToolResult:
    """Run the plain function to its end in this thread, whatever it raises."""
    try:
        return ToolResult(_exhaust(function(*args, **kwargs)))
    except BaseException as error:
        return ToolResult(error=error)


async def resolve(result: Any) -> Any:
    """The final result of a function: an awaitable is awaited, a generator becomes a list."""
    if inspect.isawaitable(result):
        result = await result
    if isinstance(result, AsyncGeneratorType):
        return await _collect(result)
    if isinstance(result, LAZY):
        return (await asyncio.shield(run_in_thread(_exhaust, (result,), {}))).unwrap_in_coroutine()
    return result


def refuse_awaitable(result: Any, name: str) -> Any:
    """The result of a plain function where nothing can be awaited. Raises Unfinished for an awaitable."""
    if inspect.isawaitable(result) or isinstance(result, AsyncGeneratorType):
        if inspect.iscoroutine(result):
            result.close()
        raise Unfinished(f"{name}: it gave something to await, and a part of it has run: make it `async def`")
    return result


LAZY = (GeneratorType, map, filter)


def _exhaust(result: Any) -> Any:
    if not isinstance(result, LAZY):
        return result
    iterator: Iterator[Any] = iter(result)
    items = []
    for item in iterator:
        items.append(item)
        if len(items) > ITEMS_MAX:
            raise Unfinished(f"the tool gave more than {ITEMS_MAX:,} items, and was stopped")
    return items


async def _collect(result: AsyncGenerator[Any, None]) -> list[Any]:
    items = []
    try:
        async for item in result:
            items.append(item)
            if len(items) > ITEMS_MAX:
                raise Unfinished(f"the tool gave more than {ITEMS_MAX:,} items, and was stopped")
    finally:
        await result.aclose()
    return items
