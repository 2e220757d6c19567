"""Waiting for what nobody announces."""

import asyncio
from collections.abc import Callable

POLL_S = 0.02


async def until(condition: Callable[[], bool], seconds_max: float) -> None:
    """Returns when it is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds_max):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
