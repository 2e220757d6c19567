"""An event loop without time or IO: what is ready runs in its order, and nothing else ever happens."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

ROUNDS_MAX = 100_000  # callbacks until everything waits for the broker; more is a loop that never ends


class Timer:
    """A timer that never fires: time passes in the log alone."""

    def cancel(self) -> None:
        """Nothing to do."""


class Loop(asyncio.AbstractEventLoop):
    """Runs real coroutines until each of them waits for the broker."""

    def __init__(self) -> None:
        self._ready: deque[tuple[Context, Callable[..., object], tuple[Any, ...]]] = deque()
        self.failures: list[BaseException] = []

    def settle(self) -> None:
        """Run what is ready until nothing is. Raises what a task has died of."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            for _ in range(ROUNDS_MAX):
                if not self._ready:
                    break
                context, callback, args = self._ready.popleft()
                context.run(callback, *args)
            else:
                raise RuntimeError("the worker never comes to rest")
        finally:
            asyncio._set_running_loop(before)
        if self.failures:
            raise self.failures[0]

    def died(self, task: "asyncio.Task[Any]") -> None:
        """As a task's callback: `settle` raises what it died of."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    # --- what asyncio calls

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> None:
        self._ready.append((context or copy_context(), callback, args))

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Timer:  # type: ignore[override]
        return Timer()

    def time(self) -> float:
        return 0.0

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: str | None = None) -> "asyncio.Task[Any]":  # type: ignore[override]
        return asyncio.Task(coro, loop=self, name=name)

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task that is dropped with its worker is no fault."""
