"""What stands before every page: checks first, then the app, then the headers of the answer."""

from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handrail.desk.web.security import bodies, cookies, csrf, responses
from handrail.desk.web.security.address import client_of, is_loopback, local_path
from handrail.desk.web.security.parts import Parts, record
from handrail.desk.web.security.person import VISIT, Person, Visit
from handrail.desk.web.security.responses import harden
from handrail.desk.web.security.sessions import Session, validity
from handrail.schemas.errors import ConfigError

READING, CHANGING = ("GET", "HEAD"), ("POST", "PUT", "PATCH", "DELETE")
LOGIN, STATIC = "/login", "/static/"
PUBLIC = (LOGIN, "/oidc/start", "/oidc/callback")
SWEEP_S = 60.0


class Refusal(Exception):
    """The request is not let in; `response` says why."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(response.status_code)


class SessionOver(OSError):
    """A stream of events outlived its session."""


class Guard:
    """An ASGI app around the desk's own."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app, self._parts, self._swept_s = app, parts, 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in, or answer it here. WebSockets, which the desk has none of, are closed."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            visit = Visit(client_of(scope, self._parts.settings.proxies))
            await self._http({**scope, VISIT: visit}, receive, send, visit)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send, visit: Visit) -> None:
        answer = _Answer(self._parts, scope, send, visit)
        try:
            receive = await self._let_in(scope, receive, visit)
        except Refusal as refusal:
            await refusal.response(scope, receive, answer.send)
            return
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            if not answer.over:  # else it is the stream that was cut
                raise
        if visit.lacked is not None:
            who = visit.person
            detail = {"path": scope["path"], "lacked": visit.lacked, "client": visit.client}
            await record(self._parts.audit, "forbidden", who.id if who else None, **detail)

    async def _let_in(self, scope: Scope, receive: Receive, visit: Visit) -> Receive:
        headers = Headers(scope=scope)
        self._check_address(scope, headers)
        changing = scope["method"] in CHANGING
        if not changing and scope["method"] not in READING:
            raise _refusal(scope, 405, "the desk knows no such method")
        try:
            await self._find_session(scope, headers, visit)
        except ConfigError:
            raise _refusal(scope, 503, "the desk cannot tell who is logged in: ask whoever keeps it") from None
        if visit.person is None and not _public(scope["path"]):
            raise _not_logged_in(scope, changing=changing)
        if not changing:
            return receive
        await self._check_origin(scope, headers, visit)
        await self._check_pace(scope, visit)
        body = await self._body(scope, receive)
        await self._check_token(scope, headers, visit, body)
        return bodies.again(body, receive)

    def _check_address(self, scope: Scope, headers: Headers) -> None:
        address, server = self._parts.address, scope.get("server")
        if address.origin is None and not (server and is_loopback(str(server[0]))):
            raise _refusal(scope, 421, "the desk is for this machine alone: set desk_url to open it to others")
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not address.has_host(hosts[0]):
            raise _refusal(scope, 421, "this is not the name of the desk")

    async def _find_session(self, scope: Scope, headers: Headers, visit: Visit) -> None:
        parts, now_s = self._parts, self._parts.clock()
        await self._sweep(now_s)
        visit.browser = cookies.value_of(scope, cookies.BROWSER, secure=parts.secure)
        secret = cookies.value_of(scope, cookies.SESSION, secure=parts.secure)
        session = parts.sessions.lookup(secret) if secret else None
        if session is None:
            visit.csrf = csrf.token_of(visit.browser)
            return
        visit.person = await _person(parts, session, now_s)
        if visit.person is None:
            visit.cookies[cookies.SESSION] = ""
            visit.csrf = csrf.token_of(visit.browser)
            return
        visit.session, visit.csrf = secret, csrf.token_of(secret)
        if _is_activity(scope["method"], headers):
            parts.sessions.touch(session, now_s)

    async def _sweep(self, now_s: float) -> None:
        if 0 <= now_s - self._swept_s < SWEEP_S:
            return
        self._swept_s = now_s
        for session in self._parts.sessions.sweep(now_s):
            await _audit_expired(self._parts, session, self._parts.sessions.over(session, now_s) or "age")

    async def _check_origin(self, scope: Scope, headers: Headers, visit: Visit) -> None:
        own = self._parts.address.origin_for(headers["host"])
        if (why := csrf.foreign(headers, own)) is not None:
            await self._audit_forbidden(scope, visit, f"came from another site ({why})")
            raise _refusal(scope, 403, "this came from another site: open the desk itself and do it there")

    async def _check_token(self, scope: Scope, headers: Headers, visit: Visit, body: bytes) -> None:
        expected = csrf.token_of(visit.browser) if scope["path"] == LOGIN else visit.csrf
        if not csrf.agrees(expected, csrf.sent(headers, body)):
            await self._audit_forbidden(scope, visit, "without this session's token")
            raise _refusal(scope, 403, "this page is from an earlier login: go back, load it again, and send again")

    async def _audit_forbidden(self, scope: Scope, visit: Visit, why: str) -> None:
        if self._parts.limits.reported.take(f"forbidden {visit.client}", self._parts.clock()) == 0:
            who = visit.person.id if visit.person else None
            await record(self._parts.audit, "forbidden", who, path=scope["path"], why=why, client=visit.client)

    async def _check_pace(self, scope: Scope, visit: Visit) -> None:
        limits, now_s = self._parts.limits, self._parts.clock()
        if visit.person is not None and scope["path"] != LOGIN:
            key, wait_s = f"person {visit.person.id}", limits.actions.take(visit.person.id, now_s)
        else:
            key, wait_s = f"client {visit.client}", limits.logins.take(visit.client, now_s)
        if wait_s > 0:
            raise await too_often(self._parts, scope, visit, key, wait_s)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        try:
            return await bodies.read(scope, receive, self._parts.settings.desk_body_bytes_max)
        except bodies.TooLarge:
            raise _refusal(scope, 413, "this is too much text: shorten it") from None
        except bodies.TooSlow:
            raise _refusal(scope, 408, "the request did not arrive in time: send it again") from None


class _Answer:
    """What goes back to the browser."""

    def __init__(self, parts: Parts, scope: Scope, send: Send, visit: Visit) -> None:
        self._parts, self._path, self._send, self._visit = parts, scope["path"], send, visit
        self._stream, self.over = False, False

    async def send(self, message: Message) -> None:
        """Pass a message on: headers hardened, and no event to a session that has ended meanwhile."""
        if message["type"] == "http.response.start":
            message.setdefault("headers", [])
            self._stream = Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")
            harden(message, secure=self._parts.secure, cacheable=self._path.startswith(STATIC))
            for cookie, value in self._visit.cookies.items():
                cookies.put(message, cookie, value, secure=self._parts.secure)
        elif self._stream and not await self._still():
            self.over = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise SessionOver("the session of this stream has ended")
        await self._send(message)

    async def _still(self) -> bool:
        session = self._parts.sessions.lookup(self._visit.session)
        try:
            return session is not None and await _person(self._parts, session, self._parts.clock()) is not None
        except ConfigError:
            return False


async def too_often(parts: Parts, scope: Scope, visit: Visit, key: str, wait_s: float) -> Refusal:
    """The refusal of what comes too often, audited once a minute for each key."""
    if parts.limits.reported.take(key, parts.clock()) == 0:
        who = visit.person.id if visit.person else None
        await record(parts.audit, "rate.limited", who, path=scope["path"], client=visit.client)
    seconds = int(wait_s) + 1
    refusal = _refusal(scope, 429, f"too often: wait {seconds} s")
    refusal.response.headers["Retry-After"] = str(seconds)
    return refusal


async def _person(parts: Parts, session: Session, now_s: float) -> Person | None:
    """Whose session it is; None where it is over, and then it is gone and audited. Raises ConfigError."""
    why = parts.sessions.over(session, now_s)
    current = None if why else validity(session, parts.settings, parts.users)
    if current is not None and not current.ended:
        return Person(session.person, current.name, current.roles, session.handle[:16])
    if parts.sessions.end(session):
        await _audit_expired(parts, session, why or (current.ended if current else ""))
    return None


async def _audit_expired(parts: Parts, session: Session, why: str) -> None:
    await record(parts.audit, "session.expired", session.person, why=why, session=session.handle[:16])


def _public(path: str) -> bool:
    """Seen without login: the login pages, and the files of their style (none of which goes up a folder)."""
    return path in PUBLIC or (path.startswith(STATIC) and ".." not in path)


def _is_activity(method: str, headers: Headers) -> bool:
    """A person did this: what scripts fetch by themselves keeps no session alive."""
    return method in CHANGING or headers.get("sec-fetch-mode", "navigate") == "navigate"


def _is_page(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    if scope["path"].startswith("/api") or "text/event-stream" in headers.get("accept", ""):
        return False
    return headers.get("sec-fetch-mode", "navigate") == "navigate"


def _not_logged_in(scope: Scope, *, changing: bool) -> Refusal:
    if not _is_page(scope):
        return _refusal(scope, 401, "log in first")
    if changing:
        line = "you are not logged in any more, and this was not done: log in in another tab, then come back to it"
        return Refusal(responses.refusal(401, line, page=True, login_again=True))
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = local_path(quote(scope["path"]) + (f"?{query}" if query else ""))
    return Refusal(Response(status_code=303, headers={"Location": f"{LOGIN}?next={quote(wanted, safe='/')}"}))


def _refusal(scope: Scope, status: int, line: str) -> Refusal:
    return Refusal(responses.refusal(status, line, page=_is_page(scope)))
