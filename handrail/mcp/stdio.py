"""The stdio transport: messages as lines, ended by a line feed, on our own standard input and output."""

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

AHEAD_MAX = 2  # chunks that are read and not taken yet
MESSAGE_BYTES_MAX = 10_000_000
CHUNK_BYTES = 65_536
END = b"\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One message with the end of its line; or a piece of one that is too large to be looked at, the last one so."""

    raw: bytes
    complete: bool = True
    last: bool = True

    @property
    def blank(self) -> bool:
        """Nothing but space."""
        return not self.raw.strip()


class Framer:
    """Cuts what arrives in chunks into lines. It holds at most one message of `bytes_max` bytes and one chunk."""

    def __init__(self, bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        self._max, self._rest, self._large = bytes_max, bytearray(), False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that this chunk ends, and the pieces of one that is too large."""
        *ended, rest = chunk.split(END)
        for part in ended:
            yield self._ended(part + END)
        self._rest += rest
        if self._large or len(self._rest) > self._max:
            self._large = True
            yield Line(self._taken(), complete=False, last=False)

    def end(self) -> Iterator[Line]:
        """What came after the last line feed, as a line."""
        if self._rest or self._large:
            yield self._ended(END)

    def _ended(self, part: bytes) -> Line:
        raw = self._taken() + part
        complete = not self._large and len(raw) <= self._max + len(END)
        self._large = False
        return Line(raw, complete)

    def _taken(self) -> bytes:
        taken = bytes(self._rest)
        self._rest.clear()
        return taken


class StdinReader:
    """Reads what the client writes, in chunks, until it closes the pipe."""

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


class StdoutWriter:
    """What the client reads: whole lines, one after the other, from any task."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._loop = descriptor, asyncio.get_running_loop()
        self._lock, self._inside = asyncio.Lock(), False
        self._work: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        os.set_blocking(descriptor, True)
        threading.Thread(target=self._run, name="handrail mcp out", daemon=True).start()

    async def write(self, raw: bytes) -> None:
        """Write the line. Raises OSError where the client reads no more."""
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
