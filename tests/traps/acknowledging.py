"""A producer and a changelog in memory, for tests of what a pipeline calls processed and when."""

import asyncio
from collections.abc import Callable
from typing import Any

from handrail.streams.engine.delivery import Delivery
from handrail.streams.engine.producer import Written

WAIT_S_MAX = 10.0


async def until(holds: Callable[[], bool]) -> None:
    """Let the event loop go on until it does."""
    async with asyncio.timeout(WAIT_S_MAX):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0)


class Acknowledged:
    """A producer; each write is acknowledged when `open` is set, which it is from the start."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.writes = 0

    async def write(self, topic: str, partition: int, rows: Any) -> list[Written]:
        self.writes += 1
        await self.open.wait()
        return [Written(self.writes, len(list(rows)))]


class States(Delivery):
    """States are acknowledged at once; the tests are about the outputs before them."""

    async def states(self, folded: Any) -> None:
        self.next_offset += 1
