"""One session: from the start of the server to its end, and the exit status that the client sees."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from handrail.client.reports import Outcome as ExecutionOutcome
from handrail.mcp.calls import Calls
from handrail.mcp.proxy_agent import ProxyAgent, Say
from handrail.mcp.relay import Relay
from handrail.mcp.server import Server, ServerEnded
from handrail.mcp.settings import Settings
from handrail.mcp.stdio import Framer, Line, StdinReader, StdoutWriter
from handrail.mcp.tools import ToolHints

CLOSED_S = 2.0  # for a server that has closed its output, to end
DRAIN_S = 1.0  # what a server wrote before it ended is passed on; a process of its own may hold its output open
STDIN, STDOUT = 0, 1


async def run(settings: Settings, say: Say) -> int:
    """Run the session on standard input and output; returns the server's exit status when it has ended.

    It ends when the server does: after the client closed its pipe, or after SIGTERM or SIGINT, which are passed on.
    Raises ConfigError, GateClosed before anything runs.
    """
    agent = ProxyAgent(settings, say)
    server = await Server.start(settings.command)
    agent.begin()
    session = _Session(server, agent, say)
    status = await session.run(settings.timeout_s)
    await agent.close(session.outcome(status), f"MCP: exit status {status}")
    if (broken := session.broken) is not None:
        raise broken
    return status


class _Session:
    def __init__(self, server: Server, agent: ProxyAgent, say: Say) -> None:
        self._server, self._stopped = server, False
        self._broken: Exception | None = None
        self._signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._signals.put_nowait, number)
        client, tools = StdoutWriter(STDOUT), ToolHints()
        self._calls = Calls(agent, tools, server.write, client.write, say, self._abort)
        self._relay = Relay(client, server, self._calls, tools, say)

    async def run(self, seconds_max: float) -> int:
        """The server's exit status. Calls without an answer are recorded within `seconds_max`."""
        up, down = asyncio.create_task(self._up(StdinReader(STDIN))), asyncio.create_task(self._down())
        status = await self._end(down)
        await asyncio.wait([down], timeout=DRAIN_S)
        await self._calls.end(seconds_max)
        for task in (up, down):
            task.cancel()
        await asyncio.wait([up, down])
        return status

    def outcome(self, status: int) -> ExecutionOutcome:
        """How it went, as far as a proxy can know: it does not know whether anything was resolved."""
        if self._calls.halted:
            return "halted"
        return "error" if status and not self._stopped else "abandoned"

    @property
    def broken(self) -> BaseException | None:
        """An error of the proxy itself."""
        return self._broken or self._calls.broken

    def _abort(self) -> None:
        self._signals.put_nowait(signal.SIGTERM)

    async def _up(self, reader: StdinReader) -> None:
        """From the client to the server, until one of them has ended."""
        with self._aborting(), suppress(ServerEnded):
            await _pump(reader.chunks(), self._relay.from_client)
            self._stopped = True
            await self._calls.client_left()
            self._server.close_input()

    async def _down(self) -> None:
        """From the server to the client, until one of them has ended."""
        with self._aborting():
            await _pump(self._server.chunks(), self._relay.from_server)

    @contextmanager
    def _aborting(self) -> Iterator[None]:
        """Any error inside ends the session; an OSError means that the client reads no more."""
        try:
            yield
        except OSError:
            self._abort()
        except Exception as error:
            self._broken = error
            self._abort()

    async def _end(self, down: "asyncio.Task[None]") -> int:
        """The server has ended: its exit status."""
        ended, signalled = asyncio.create_task(self._server.ended()), asyncio.create_task(self._signals.get())
        await asyncio.wait([ended, signalled, down], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done() and not signalled.done():  # it has closed its output, which is how it may end a session
            await asyncio.wait([ended, signalled], timeout=CLOSED_S, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            self._stopped = True
            await self._server.stop(signalled.result() if signalled.done() else signal.SIGTERM)
        signalled.cancel()
        return await ended


async def _pump(chunks: AsyncIterator[bytes], take: Callable[[Line], Awaitable[None]]) -> None:
    framer = Framer()
    async for chunk in chunks:
        for line in framer.feed(chunk):
            await take(line)
    for line in framer.end():
        await take(line)
