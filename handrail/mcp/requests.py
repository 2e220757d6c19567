"""The client's requests that are under way: calls of tools, batches, and the ids that wait for an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from handrail.mcp.messages import INVALID, Malformed, Message, RequestId, ServerResponse
from handrail.mcp.stdio import END, MESSAGE_BYTES_MAX
from handrail.mcp.tools import ToolRequest

REQUESTS_MAX = 10_000


class Batch:
    """Collects an answer for each of `left` parts and sends them as one array, or as several where they are large.

    JSON-RPC 2.0, section 6: one array with a response for each request, in any order, and nothing where there is none.
    """

    def __init__(self, left: int, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._left, self._send = left, send
        self._answers: list[bytes] = []
        self._bytes = 0

    async def add(self, answer: bytes) -> None:
        """Add the answer to one part."""
        self._answers.append(answer)
        self._bytes += len(answer)
        self._left -= 1
        if not self._left or self._bytes > MESSAGE_BYTES_MAX:
            await self.flush()

    async def drop(self) -> None:
        """One part will not be answered: it was cancelled."""
        self._left -= 1
        if not self._left:
            await self.flush()

    async def flush(self) -> None:
        """Send the answers so far."""
        answers, self._answers, self._bytes = self._answers, [], 0
        if answers:
            await self._send(join_array(answers))


def join_array(parts: list[bytes]) -> bytes:
    """The parts as a line with one JSON array."""
    return b"[" + b",".join(parts) + b"]" + END


class NotAnswered(Exception):
    """The server has the call and did not answer it; the message says why."""


class ToolsCall:
    """One call of a tool, from the client's request to the server's answer.

    `sent`: the server has it; from then on only the server can stop it.
    """

    def __init__(self, message: Message, request: ToolRequest, batch: Batch | None) -> None:
        self.id, self.raw, self.request, self.batch = message.id, message.raw, request, batch
        self.sent = self.waits = False
        self.settled = asyncio.Event()  # it is sent, or over
        self.task: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[ServerResponse] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        """The server gets it now; its bytes are needed no more."""
        self.sent = True
        self.raw = b""
        self.settled.set()

    def answered(self, answer: ServerResponse) -> None:
        """The server has answered it."""
        if not self._answer.done():
            self._answer.set_result(answer)

    def lost(self, why: str) -> None:
        """The server will not answer it."""
        if not self._answer.done():
            self._answer.set_exception(NotAnswered(why))

    async def answer(self) -> ServerResponse:
        """Wait for the server's answer. Raises NotAnswered."""
        return await self._answer

    def forget(self) -> None:
        """The answer is awaited no more."""
        if not self._answer.done():
            self._answer.cancel()
        elif not self._answer.cancelled():
            self._answer.exception()
        self.settled.set()


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """One request. `batch`: where its answer has to go; `call`: what it calls."""

    method: str
    batch: Batch | None = None
    call: ToolsCall | None = None


class PendingRequests:
    """Requests by their ids. `1` and `"1"` are one id: some servers answer one for the other.

    A cancelled request stays until it is answered after all: its late answer must not be taken for another's.
    """

    def __init__(self) -> None:
        self._open: dict[str, PendingRequest] = {}

    def open(self, request_id: RequestId, pending: PendingRequest) -> None:
        """Raises Malformed where the id is in use, or REQUESTS_MAX requests are open; its id is None for a duplicate,
        since an answer would be taken for that of the first one.
        """
        if str(request_id) in self._open:
            raise Malformed(INVALID, f"id {str(request_id)[:100]}: it is in use by a request that is not answered yet")
        if len(self._open) >= REQUESTS_MAX:
            raise Malformed(INVALID, f"{REQUESTS_MAX} requests are not answered yet", request_id)
        self._open[str(request_id)] = pending

    def get(self, request_id: object) -> PendingRequest | None:
        """The open request."""
        return self._open.get(str(request_id))

    def close(self, request_id: object) -> PendingRequest | None:
        """Remove an answered request and return it; None where there is none."""
        return self._open.pop(str(request_id), None)

    def not_made(self, call: ToolsCall) -> None:
        """The call never reaches the server; its id may be used again."""
        pending = self.get(call.id)
        if pending is not None and pending.call is call:
            self.close(call.id)
