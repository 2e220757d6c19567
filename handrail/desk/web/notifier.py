"""Changes, and who waits for them: a number that grows, and streams of server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import orjson

STREAM_S_MAX = 300.0  # then the browser connects again, and its session is checked again
BEAT_S = 15.0
GATHER_S = 0.25  # changes within this are sent together
AGAIN_MS = 1_000


class Notifier:
    """`number` grows by one with each `notify`."""

    def __init__(self) -> None:
        self.number = 0
        self._next = asyncio.Event()

    def notify(self) -> None:
        """Something changed: all waiting tasks go on."""
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


class News(NamedTuple):
    """What a page shows: `queue` and `case` are numbers that grow, `others` who looks on, `away` why it may be old."""

    queue: int
    case: int | None
    others: list[str]
    away: str


async def events(look: Callable[[], News], changes: Notifier, ended: asyncio.Event) -> AsyncIterator[bytes]:
    """The bytes of one stream: all that there is at first, then each of its parts when it has changed."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + STREAM_S_MAX
    shown: dict[str, Any] = {}
    yield f"retry: {AGAIN_MS}\n\n".encode()
    while loop.time() < until_s and not ended.is_set():
        number = changes.number
        news = look()._asdict()
        changed = {name: value for name, value in news.items() if name not in shown or shown[name] != value}
        for name, value in changed.items():
            yield b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(value))
        shown = news
        if await changes.after(number, BEAT_S) == number:
            yield b": still here\n\n"
        else:
            await asyncio.sleep(GATHER_S)
