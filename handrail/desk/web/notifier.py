"""Who waits for news: a number that grows, and a way to wait until it has."""

import asyncio


class Notifier:
    """`number` grows by one with each `tell`."""

    def __init__(self) -> None:
        self.number = 0
        self._next = asyncio.Event()

    def notify(self) -> None:
        """Something changed; whoever waits goes on."""
        self.number += 1
        self._next.set()
        self._next = asyncio.Event()

    async def after(self, number: int, timeout_s: float) -> int:
        """The number, once it is above `number`, or after `timeout_s`."""
        if self.number == number:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._next.wait()
            except TimeoutError:
                pass
        return self.number
