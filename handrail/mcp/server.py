"""The MCP server: a process of ours, as it would be one of the client's."""

import asyncio
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

from handrail.mcp.stdio import CHUNK_BYTES
from handrail.schemas.errors import ConfigError

STOP_S_MAX = 5.0  # for each signal


class ServerEnded(Exception):
    """It takes no more messages."""


class Server:
    """The process. Its standard error is the proxy's own."""

    def __init__(self, process: Process) -> None:
        self._process, self._lock = process, asyncio.Lock()

    @classmethod
    async def start(cls, command: tuple[str, ...]) -> Self:
        """It runs. Raises ConfigError where it cannot be started."""
        try:
            return cls(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=None))
        except OSError as error:
            raise ConfigError(f"{command[0]}: {error.strerror}: give the server's command behind `--`") from None

    async def chunks(self) -> AsyncIterator[bytes]:
        """What it writes, until it closes its output."""
        assert self._process.stdout is not None
        while chunk := await self._process.stdout.read(CHUNK_BYTES):
            yield chunk

    async def write(self, raw: bytes) -> None:
        """The line is on its way, and waits where the server does not read. Raises ServerEnded."""
        assert self._process.stdin is not None
        async with self._lock:
            try:
                self._process.stdin.write(raw)
                await self._process.stdin.drain()
            except (OSError, RuntimeError):  # RuntimeError: it is closed already
                raise ServerEnded from None

    def close_input(self) -> None:
        """It reads the end of its input: the client has nothing more to say."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    async def ended(self) -> int:
        """Its exit status when it has ended, as a shell gives it: 128 and the signal that ended it."""
        status = await self._process.wait()
        return status if status >= 0 else 128 - status

    async def stop(self, *numbers: signal.Signals) -> None:
        """Send the signals one after the other, until it has ended; the last one is SIGKILL."""
        for number in (*numbers, signal.SIGKILL):
            if self._process.returncode is None:
                with suppress(ProcessLookupError):
                    self._process.send_signal(number)
                with suppress(TimeoutError):
                    async with asyncio.timeout(STOP_S_MAX):
                        await self._process.wait()
