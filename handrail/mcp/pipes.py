"""Our own standard input and output. A thread for each, since they may be files, terminals or pipes that block."""

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator

from handrail.mcp.framing import CHUNK_BYTES, Line

AHEAD_MAX = 2  # chunks that are read and not taken yet


class Intake:
    """What the client writes, in chunks, until it closes the pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._loop = descriptor, asyncio.get_running_loop()
        self._read: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD_MAX)
        os.set_blocking(descriptor, True)
        threading.Thread(target=self._run, name="handrail mcp in", daemon=True).start()

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it, once."""
        while chunk := await self._read.get():
            yield chunk
            self._room.release()

    def _run(self) -> None:
        chunk = b"."
        while chunk:
            self._room.acquire()
            try:
                chunk = os.read(self._descriptor, CHUNK_BYTES)
            except OSError:
                chunk = b""
            try:
                self._loop.call_soon_threadsafe(self._read.put_nowait, chunk)
            except RuntimeError:  # the session is over
                return


class Outlet:
    """What the client reads: whole lines, one after the other, whoever writes them."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._loop = descriptor, asyncio.get_running_loop()
        self._lock, self._inside = asyncio.Lock(), False
        self._work: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        os.set_blocking(descriptor, True)
        threading.Thread(target=self._run, name="handrail mcp out", daemon=True).start()

    async def write(self, raw: bytes) -> None:
        """The line is written. Raises OSError where nobody reads it any more."""
        async with self._lock:
            await self._put(raw)

    async def piece(self, line: Line) -> None:
        """A piece of one line; nothing else is written before the last one. Only one task may do so."""
        if not self._inside:
            await self._lock.acquire()
            self._inside = True
        try:
            await self._put(line.raw)
        finally:
            if line.last:
                self._inside = False
                self._lock.release()

    async def _put(self, raw: bytes) -> None:
        done = self._loop.create_future()
        self._work.put((raw, done))
        await done

    def _run(self) -> None:
        while True:
            raw, done = self._work.get()
            error = self._write(raw)
            try:
                self._loop.call_soon_threadsafe(_settle, done, error)
            except RuntimeError:  # the session is over
                return

    def _write(self, raw: bytes) -> OSError | None:
        left = memoryview(raw)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            return error
        return None


def _settle(done: "asyncio.Future[None]", error: OSError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
