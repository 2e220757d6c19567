"""A desk from start to end: the log is read, the page is served, and what people did is on the log before it ends."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from handrail.desk.reveal import reveal
from handrail.desk.settings import WebSettings
from handrail.desk.web.app import build
from handrail.desk.web.audit import Audit
from handrail.desk.web.follower import FOLLOWED, Follower
from handrail.desk.web.notifier import Notifier
from handrail.desk.web.pages import Pages
from handrail.desk.web.parts import Desk
from handrail.desk.web.presence import Presence
from handrail.desk.web.security import Security, SecuritySettings
from handrail.desk.web.sending import Sender
from handrail.kafka.one_log import process_of
from handrail.streams.address import host_port, refused, url_of
from handrail.streams.engine.producer import Producer
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.keys import key_of
from handrail.streams.process import stop_signal

GOODBYE_S = 3  # for pages that are being answered when the desk ends
AUDITED_S = 5.0
BACKLOG = 128

Tell = Callable[[str], None]
Task = asyncio.Task[Any]


async def run(settings: WebSettings, login: SecuritySettings, ready: Tell, notice: Tell) -> None:
    """Serve until SIGTERM or SIGINT. `ready` gets one line with the address when the log has been read.

    Raises HandrailError where it cannot start.
    """
    stop = stop_signal()
    with _listening(settings.listen) as (listener, url), ExitStack() as closing:
        async with _desk(settings, notice) as (desk, tasks, read_s):
            security = Security(login, settings.data, desk.audit.queue_login)
            closing.callback(security.close)
            app = security.wrap(build(desk, security.routes()))
            async with _served(app, listener, desk) as serving:
                ready(_ready_line(settings, desk, url, read_s, security.first_login_url(url)))
                await _until(stop, [*tasks, serving])


@asynccontextmanager
async def _desk(settings: WebSettings, notice: Tell) -> AsyncIterator[tuple[Desk, list[Task], float]]:
    """The parts of a desk that has read the log, the tasks that go on with it, and how long reading took."""
    await ensure_topics(settings.bootstrap)
    changes = Notifier()
    follower, key = Follower(settings.bootstrap, changes, settings.data), key_of(settings.key)
    async with process_of(settings.bootstrap, FOLLOWED, "desk") as log, Producer(settings.bootstrap) as producer:
        began_s = time.monotonic()
        await follower.begin()
        read_s = time.monotonic() - began_s
        sender = Sender(producer)
        audit = Audit(sender, key)
        desk = Desk(
            follower, sender, audit, Presence(changes), changes, Pages(), key, partial(reveal, settings.bootstrap)
        )
        assert log.watching is not None
        tasks: list[Task] = [asyncio.create_task(follower.follow()), asyncio.create_task(audit.run())]
        try:
            yield desk, [*tasks, log.watching], read_s
        finally:
            await sender.close()
            if left := await audit.drain(AUDITED_S):
                notice(f"handrail desk: {left} records of the audit could not be written: Kafka is away")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _served(app: ASGIApp, listener: socket.socket, desk: Desk) -> AsyncIterator[Task]:
    """The page is there for the length of the block; gives the task that serves it."""
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # Security decides which proxies count
        timeout_graceful_shutdown=GOODBYE_S,
        ws="none",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield serving
    finally:
        desk.ended.set()
        desk.changes.notify()
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving


async def _until(stop: asyncio.Event, tasks: list[Task]) -> None:
    """Returns when the desk is asked to stop. Raises what broke a task: half a desk is none."""
    asked = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([asked, *tasks], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    for task in done:
        task.result()


class _Server(uvicorn.Server):
    """Signals are the desk's: uvicorn would end in its own order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _listening(address: str) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens, and its URL. Raises ConfigError."""
    host, port = host_port(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            raise refused("--listen", address, error) from error
        yield listener, url_of(host, listener.getsockname()[1])


def _ready_line(settings: WebSettings, desk: Desk, url: str, read_s: float, login: str | None) -> str:
    count = len(desk.follower.handoffs)
    first = f", log in once with {login}" if login else ""
    signed = "" if settings.key else ", answers are not signed (--key)"
    return f"ready: desk at {url}, {count} open handoffs read in {read_s:.1f} s at {settings.bootstrap}{signed}{first}"
