"""Login by password or one-time link, and logout."""

import asyncio
from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from handrail.desk.web.security import cookies, csrf, guard, passwords, responses
from handrail.desk.web.security.address import local_path
from handrail.desk.web.security.parts import CHECKS_WAITING_MAX, Parts, record
from handrail.desk.web.security.person import Visit, visit_of
from handrail.desk.web.security.sessions import Source, first_login_open
from handrail.desk.web.security.store import new_secret
from handrail.desk.web.security.users import User
from handrail.schemas.errors import ConfigError

WRONG = "User and password do not belong together."
LINK_GONE = "This link was used already, or is too old: start the desk again for a new one, or log in here."
ID_MAX = 64


class LoginPages:
    """The pages /login and /logout."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._waiting = parts, 0

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/login", self.page),
            Route("/login", self.login, methods=["POST"]),
            Route("/logout", self.logout, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The form; or in, for who has a one-time link or is in already."""
        visit = visit_of(request.scope)
        if (token := request.query_params.get("once")) is not None and request.method == "GET":
            return await self._by_link(request, visit, token)
        if visit.person is not None:
            return RedirectResponse(_next(request.query_params), 303)
        return login_page(self._parts, visit, 200, next_=_next(request.query_params))

    async def login(self, request: Request) -> Response:
        """In, for the right password; else the form again, which does not say what was wrong."""
        visit, form = visit_of(request.scope), await _form(request)
        name, password, wanted = form.get("user", "").strip().lower(), form.get("password", ""), form.get("next")
        key, now_s = self._delay_key(name, visit), self._parts.clock()
        if (wait_s := self._parts.limits.delays.wait_s(key, now_s)) > 0:
            refusal = await guard.too_often(self._parts, request.scope, visit, f"user {key}", wait_s)
            return refusal.response
        if self._waiting >= CHECKS_WAITING_MAX:
            return responses.refusal(503, "too many log in at once: try again in a moment", page=True)
        self._parts.limits.delays.failed(key, now_s)  # counted before it is known, so that many at once gain nothing
        try:
            user = await self._checked(name, password)
        except ConfigError:
            return responses.refusal(503, "the file of the users cannot be read: ask whoever keeps the desk", page=True)
        if user is None:
            return await self._not_in(visit, name, wanted)
        self._parts.limits.delays.passed(key)
        self._parts.known.add(user.id, visit.client, now_s)
        await begin_session(self._parts, visit, user.id, user.name, user.roles, "local", user.stamp)
        return RedirectResponse(local_path(wanted), 303)

    async def logout(self, request: Request) -> Response:
        """Out: the session is gone here, and its cookie there."""
        visit = visit_of(request.scope)
        session = self._parts.sessions.lookup(visit.session)
        if session is not None and self._parts.sessions.end(session):
            await record(self._parts.audit, "logout", session.person, session=session.handle[:16], client=visit.client)
        visit.cookies[cookies.SESSION] = ""
        return RedirectResponse("/login", 303)

    async def _by_link(self, request: Request, visit: Visit, token: str) -> Response:
        parts, now_s = self._parts, self._parts.clock()
        if (wait_s := parts.limits.logins.take(visit.client, now_s)) > 0:
            refusal = await guard.too_often(parts, request.scope, visit, f"client {visit.client}", wait_s)
            return refusal.response
        if _fetched_ahead(request):
            return responses.refusal(403, "open the link itself", page=True)
        person = parts.links.take(token, now_s) if first_login_open(parts.settings, parts.users) else None
        if person is None:
            await record(parts.audit, "login.failed", None, method="first", why="link", client=visit.client)
            return login_page(parts, visit, 401, LINK_GONE)
        await begin_session(parts, visit, person, person, ["admin"], "first", "")
        return RedirectResponse(_next(request.query_params), 303)

    async def _checked(self, name: str, password: str) -> User | None:
        """The user, where it is the password; the same work is done for nobody. Raises ConfigError."""
        users = self._parts.users.now() if self._parts.settings.local_login else {}
        user = users.get(name)
        self._waiting += 1
        try:
            async with self._parts.checks:
                encoded = self._parts.nobody if user is None else user.password
                right = await asyncio.to_thread(passwords.matches, encoded, password)
        finally:
            self._waiting -= 1
        return user if right else None

    async def _not_in(self, visit: Visit, name: str, wanted: str | None) -> Response:
        """Records what was typed only where it is a user's id: people type passwords there, too."""
        person = name if _is_user(self._parts, name) else None
        await record(self._parts.audit, "login.failed", person, method="local", why="password", client=visit.client)
        return login_page(self._parts, visit, 401, WRONG, next_=local_path(wanted))

    def _delay_key(self, name: str, visit: Visit) -> str:
        """Where a person has come in before is counted apart, so that strangers cannot lock them out there."""
        name = name[:ID_MAX]
        if self._parts.known.has(name, visit.client):
            return f"known {name} {visit.client}"
        return f"typed {name}"  # what was typed is never the key of somebody known


def login_page(parts: Parts, visit: Visit, status: int, line: str = "", *, next_: str = "/") -> Response:
    """The form, bound to this browser."""
    if not visit.browser:
        visit.browser = new_secret()
        visit.cookies[cookies.BROWSER] = visit.browser
    token = csrf.token_of(visit.browser)
    ways = {"local": parts.settings.local_login, "oidc": parts.provider is not None}
    return responses.login_form(status, csrf=token, next=next_, line=line, **ways)


def _next(query: QueryParams) -> str:
    return local_path(query.get("next"))


async def _form(request: Request) -> dict[str, str]:
    """The fields that are there once. The guard has bounded the body, and found the token in it."""
    body = (await request.body()).decode("ascii", "replace")
    return {name: values[0] for name, values in parse_qs(body, max_num_fields=csrf.FIELDS_MAX).items()}


def _fetched_ahead(request: Request) -> bool:
    """A browser looks ahead; nobody has clicked."""
    purpose = request.headers.get("sec-purpose", request.headers.get("purpose", ""))
    return "prefetch" in purpose or "prerender" in purpose


def _is_user(parts: Parts, name: str) -> bool:
    try:
        return name in parts.users.now()
    except ConfigError:
        return False


async def begin_session(
    parts: Parts, visit: Visit, person: str, name: str, roles: Iterable[str], source: Source, stamp: str
) -> None:
    """A session with a new id is in the answer's cookie; the one that this browser had before is over."""
    if (before := parts.sessions.lookup(visit.session)) is not None:
        parts.sessions.end(before)
    secret, session = parts.sessions.begin(person, name, roles, source, stamp, parts.clock())
    await record(parts.audit, "login", person, method=source, session=session.handle[:16], client=visit.client)
    visit.cookies[cookies.SESSION] = secret  # not before: a login that could not be audited is none
    visit.cookies[cookies.BROWSER] = ""
