"""The desk's security, put together."""

import getpass
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from starlette.routing import Route
from starlette.types import ASGIApp

from handrail.desk.web.security.guard import Guard
from handrail.desk.web.security.login import LoginPages
from handrail.desk.web.security.oidc.entry import OidcPages
from handrail.desk.web.security.oidc.flows import Flows
from handrail.desk.web.security.oidc.provider import Provider
from handrail.desk.web.security.parts import Audit, Limits, Parts
from handrail.desk.web.security.sessions import Sessions, first_login_open
from handrail.desk.web.security.settings import SESSIONS_FILE, SecuritySettings
from handrail.desk.web.security.store import KnownClients, Links, Store
from handrail.desk.web.security.users import Users


class Security:
    """Login pages, and a guard around the app.

    `audit(kind, person, detail)` gets `login`, `login.failed`, `logout`, `session.expired`, `forbidden` and
    `rate.limited`; it may be a coroutine function. `clock` gives seconds since 1970-01-01 UTC. Raises ConfigError.
    """

    def __init__(
        self, settings: SecuritySettings, data: Path, audit: Audit, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store = Store(data / SESSIONS_FILE)
        users = Users(settings.users_file(data))
        users.now()  # a broken file is reported at the start
        self._parts = Parts(
            settings=settings,
            address=settings.address,
            sessions=Sessions(store, settings.desk_idle_s, settings.desk_session_s),
            users=users,
            links=Links(store),
            known=KnownClients(store),
            flows=Flows(store),
            provider=Provider.of(settings, clock),
            limits=Limits.of(settings),
            audit=audit,
            clock=clock,
        )

    def routes(self) -> list[Route]:
        """The pages of login and logout."""
        return [*LoginPages(self._parts).routes(), *OidcPages(self._parts).routes()]

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """The app, behind every check."""
        return Guard(app, self._parts)

    def first_login_url(self, base: str) -> str | None:
        """A link under `base` that lets this machine's user in once, with all roles, within 15 minutes.

        None where there is another way in, or the desk is open to others than this machine.
        """
        if not first_login_open(self._parts.settings, self._parts.users):
            return None
        token = self._parts.links.new(_login_name(), self._parts.clock())
        return f"{base.rstrip('/')}/login?once={quote(token)}"

    def close(self) -> None:
        """Close the file of the sessions; the sessions stay in it."""
        self._store.close()


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "local"  # a container may run under an id without a name
