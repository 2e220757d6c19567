"""A small desk on loopback behind the real security, and a browser that speaks to it."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from handrail.desk.web.security import Security, SecuritySettings, csrf_of, person_of, require
from handrail.desk.web.security.passwords import hashed

PASSWORD = "kettle under the blue stairs"
OTHER_PASSWORD = "lamp beside the green water"
WAIT_S = 20.0


@dataclass
class Clock:
    """Time that only a test moves. Seconds since 1970-01-01 UTC."""

    now_s: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now_s


@dataclass
class AuditLog:
    """What the audit was given."""

    lines: list[tuple[str, str | None, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, kind: str, person: str | None, detail: dict[str, Any]) -> None:
        self.lines.append((kind, person, detail))

    def of(self, kind: str) -> list[tuple[str | None, dict[str, Any]]]:
        return [(person, detail) for event, person, detail in self.lines if event == kind]


@lru_cache
def kept(password: str) -> str:
    return hashed(password)


def write_users(path: Path, **roles: list[str]) -> None:
    """A file of users who all have the same password."""
    path.parent.mkdir(parents=True, exist_ok=True)
    users = [{"id": id_, "name": id_.title(), "roles": has, "password": kept(PASSWORD)} for id_, has in roles.items()]
    path.unlink(missing_ok=True)
    path.write_text(json.dumps({"users": users}))
    path.chmod(0o600)


class Pages:
    """What the desk's own pages do, as far as security sees it. `done` counts what was carried out."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.events: asyncio.Queue[str] | None = None

    def app(self, security: Security) -> ASGIApp:
        routes = [
            Route("/", self.start),
            Route("/handoffs/{handoff}", self.start),
            Route("/api/me", self.start),
            Route("/act", self.act, methods=["POST", "PUT", "DELETE"]),
            Route("/approve", self.approve, methods=["POST"]),
            Route("/revealed", self.revealed),
            Route("/events", self.stream),
            Route("/static/desk.css", self.style),
            *security.routes(),
        ]
        return security.wrap(Starlette(routes=routes))

    async def start(self, request: Request) -> Response:
        person = person_of(request)
        told = {"id": person.id, "name": person.name, "roles": sorted(person.roles), "session": person.session_id}
        return JSONResponse({**told, "csrf": csrf_of(request)}, headers={"Access-Control-Allow-Origin": "*"})

    async def act(self, request: Request) -> Response:
        require(request, "agent")
        self.done.append((await request.body()).decode())
        return PlainTextResponse("done")

    async def approve(self, request: Request) -> Response:
        require(request, "approver")
        self.done.append("approved")
        return PlainTextResponse("approved")

    async def revealed(self, request: Request) -> Response:
        require(request, "revealer")
        return PlainTextResponse("4111 1111 1111 1111")

    async def stream(self, request: Request) -> Response:
        require(request, "reader")
        self.events = asyncio.Queue()
        return StreamingResponse(self._events(self.events), media_type="text/event-stream")

    async def _events(self, queue: asyncio.Queue[str]) -> AsyncIterator[str]:
        yield "data: begun\n\n"
        while True:
            yield f"data: {await queue.get()}\n\n"

    async def style(self, request: Request) -> Response:
        return PlainTextResponse("body {}", media_type="text/css", headers={"Cache-Control": "max-age=60"})


@dataclass
class Served:
    """A desk that is up."""

    url: str
    audit: AuditLog
    clock: Clock
    pages: Pages
    security: Security
    loop: asyncio.AbstractEventLoop

    def event(self, text: str) -> None:
        """Something happens that open pages learn of."""
        queue = self.pages.events
        assert queue is not None
        self.loop.call_soon_threadsafe(queue.put_nowait, text)


@contextmanager
def served(settings: SecuritySettings, data: Path, clock: Clock | None = None) -> Iterator[Served]:
    """The desk on a free port of loopback, in a thread, with uvicorn."""
    audit, clock, pages = AuditLog(), clock or Clock(), Pages()
    security = Security(settings, data, audit, clock=clock)
    with uvicorn_on_loopback(pages.app(security)) as (url, loop):
        yield Served(url, audit, clock, pages, security, loop)
    security.close()


@contextmanager
def uvicorn_on_loopback(app: ASGIApp) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    """The app under uvicorn, as the desk runs it."""
    config = uvicorn.Config(app, log_level="error", lifespan="off", access_log=False, proxy_headers=False, ws="none")
    config.timeout_graceful_shutdown = 1
    server, loops = uvicorn.Server(config), []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        async def serve() -> None:
            loops.append(asyncio.get_running_loop())
            await server.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        wait_for(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", loops[0]
        finally:
            server.should_exit = True
            thread.join(WAIT_S)


def wait_for(holds: Any) -> None:
    """Wait until it holds."""
    end_s = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end_s, "it did not come to hold"
        time.sleep(0.005)


class Browser(httpx2.Client):
    """Sends what a browser sends along, and keeps cookies. Does not follow redirects."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, trust_env=False, verify=False, timeout=WAIT_S)
        self.url = url

    def send_form(self, path: str, fields: dict[str, str], **headers: str) -> httpx2.Response:
        """A form of our own page, under Referrer-Policy: no-referrer, so that its Origin is null."""
        own = {"Origin": "null", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
        return self.post(path, data=fields, headers=own | headers)

    def login(self, user: str, password: str = PASSWORD, next_: str = "/") -> httpx2.Response:
        """Open the login page, and send its form."""
        token = form_token(self.get("/login", params={"next": next_}).text)
        return self.send_form("/login", {"csrf": token, "next": next_, "user": user, "password": password})

    def me(self) -> dict[str, Any] | None:
        """Who the desk thinks is speaking; None: nobody."""
        answer = self.get("/api/me")
        assert answer.status_code in (200, 401)
        return answer.json() if answer.status_code == 200 else None

    def act(self, note: str = "note", path: str = "/act", **headers: str) -> httpx2.Response:
        """A form with the session's token."""
        me = self.me()
        return self.send_form(path, {"csrf": me["csrf"] if me else "", "note": note}, **headers)

    def cookie(self, name: str = "handrail-desk") -> str | None:
        """The value of a cookie."""
        return self.cookies.get(name)


def form_token(page: str) -> str:
    """The token in the login page."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found is not None, page
    return found[1]
