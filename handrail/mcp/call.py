"""One call of a tool, from the client's request to the server's answer."""

import asyncio

from handrail.mcp.asked import Asked
from handrail.mcp.batch import Batch
from handrail.mcp.message import Message
from handrail.mcp.server_messages import ServerResponse


class NotAnswered(Exception):
    """The server was given the call and did not answer it; why is in the message."""


class ToolsCall:
    """`sent`: the server has it; from then on nobody but the server can stop it."""

    def __init__(self, message: Message, asked: Asked, batch: Batch | None) -> None:
        self.id, self.raw, self.asked, self.batch = message.id, message.raw, asked, batch
        self.sent = self.waits = False
        self.settled = asyncio.Event()  # it is sent, or over
        self.task: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[ServerResponse] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        """The server gets it now; it need not be kept here."""
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
        """What the server answers. Raises NotAnswered."""
        return await self._answer

    def forget(self) -> None:
        """Nobody waits for the answer any more."""
        if not self._answer.done():
            self._answer.cancel()
        elif not self._answer.cancelled():
            self._answer.exception()
        self.settled.set()
