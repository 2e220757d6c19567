"""The answers to a batch, put together again."""

from collections.abc import Awaitable, Callable

from handrail.mcp.framing import END, MESSAGE_BYTES_MAX


class Batch:
    """Collects an answer for each of `left` parts and sends them as one array, or as several where they are large.

    JSON-RPC 2.0, section 6: one array with a response for each request, in any order, and nothing where there is none.
    """

    def __init__(self, left: int, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._left, self._send = left, send
        self._answers: list[bytes] = []
        self._bytes = 0

    async def add(self, answer: bytes) -> None:
        """One part is answered."""
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
        """Send what there is."""
        answers, self._answers, self._bytes = self._answers, [], 0
        if answers:
            await self._send(array(answers))


def array(parts: list[bytes]) -> bytes:
    """The parts as a line with one JSON array."""
    return b"[" + b",".join(parts) + b"]" + END
