"""A real HTTP receiver on loopback that takes webhooks, or does not, as a test says."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

WAIT_S_MAX = 30.0
SECRET = b"0123456789abcdef0123456789abcdef"
SECRET_LINE = "whsec_" + base64.b64encode(SECRET).decode()


@dataclass(frozen=True)
class Got:
    """One request as it arrived."""

    path: str
    raw_path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found

    @property
    def is_signed(self) -> bool:
        """As the specification's own text says it, written here once more."""
        told = b".".join((self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body))
        mac = hmac.new(SECRET, told, hashlib.sha256).digest()
        return f"v1,{base64.b64encode(mac).decode()}" in self.headers["webhook-signature"].split()


Answer = tuple[int, dict[str, str]] | None  # None: no answer ever


@dataclass
class Receiver:
    """`answer` decides on each request; what was answered with 2xx is in `taken`."""

    answer: Callable[[Got], Answer] = lambda _: (200, {})
    got: list[Got] = field(default_factory=list)
    taken: list[Got] = field(default_factory=list)
    url: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        found = Got(
            request.path,
            request.raw_path,
            {name.lower(): one for name, one in request.headers.items()},
            await request.read(),
        )
        self.got.append(found)
        self.news.set()
        if (answer := self.answer(found)) is None:
            await asyncio.Event().wait()
        assert answer is not None
        status, headers = answer
        if 200 <= status < 300:
            self.taken.append(found)
            self.news.set()
        return web.Response(status=status, headers=headers, body=b"x" * 100_000 if status >= 400 else b"")

    async def until(self, condition: Callable[[], bool], seconds_max: float = WAIT_S_MAX) -> None:
        """Returns when it is true; looked at after each request."""
        async with asyncio.timeout(seconds_max):
            while not condition():
                self.news.clear()
                await self.news.wait()

    def of(self, conversation: str) -> list[str]:
        """The ids of the events of a conversation that were taken, in their order, repeats left out."""
        ids = [one.event["id"] for one in self.taken if one.event["subject"] == conversation]
        return list(dict.fromkeys(ids))


@asynccontextmanager
async def receiving(
    answer: Callable[[Got], Answer] = lambda _: (200, {}), tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver for the length of the block."""
    receiver = Receiver(answer)
    app = web.Application(client_max_size=2_000_000)
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
