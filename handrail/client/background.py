"""One event loop in a thread of its own, for all that blocks in this process."""

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar, cast

from handrail.client.client import Client, Key
from handrail.schemas.errors import ConfigError, HandrailError

T = TypeVar("T")

END_S_MAX = 5.0


class Background:
    """The loop, its thread, and the connections that stay open until the process ends."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._held: dict[Key, Client] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, name="handrail", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of the coroutine, run in the background; an interrupt here cancels it there."""
        if self.pid != os.getpid() or threading.current_thread() is self._thread:
            work.close()
            where = "before this process was forked" if self.pid != os.getpid() else "in a callback of its own loop"
            raise ConfigError(f"BlockingAgent: it was made or used {where}: make one here")
        future = asyncio.run_coroutine_threadsafe(_outcome_of(work), self._loop)
        try:
            result, error = future.result()
        except BaseException:
            future.cancel()
            raise
        if error is not None:
            raise error
        return cast(T, result)

    async def hold(self, client: Client) -> None:
        """Keep the connection that the client names open: the next agent need not connect again."""
        if client.key not in self._held:
            held = client.twin()
            self._held[client.key] = held
            try:
                await held.__aenter__()
            except BaseException:
                del self._held[client.key]
                raise

    def _end(self) -> None:
        if self.pid != os.getpid():
            return
        with suppress(TimeoutError, HandrailError):
            asyncio.run_coroutine_threadsafe(self._let_go(), self._loop).result(END_S_MAX)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_S_MAX)

    async def _let_go(self) -> None:
        while self._held:
            _, client = self._held.popitem()
            await client.__aexit__()


async def _outcome_of(work: Coroutine[Any, Any, T]) -> tuple[T | None, BaseException | None]:
    """What it gives, or the exit that it asks for: raised in a task, that would end the loop under all agents."""
    try:
        return await work, None
    except (SystemExit, KeyboardInterrupt) as error:
        return None, error


_lock = threading.Lock()
_running: Background | None = None


def background() -> Background:
    """The one of this process; a forked process gets its own."""
    global _running
    with _lock:
        if _running is None or _running.pid != os.getpid():
            _running = Background()
        return _running
