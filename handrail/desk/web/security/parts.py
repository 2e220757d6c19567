"""What the guard and the login pages share, and the audit that they write to."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from handrail.desk.web.security import passwords
from handrail.desk.web.security.address import Address
from handrail.desk.web.security.limits import Buckets, Delays
from handrail.desk.web.security.oidc.flows import Flows
from handrail.desk.web.security.oidc.provider import Provider
from handrail.desk.web.security.sessions import Sessions
from handrail.desk.web.security.settings import SecuritySettings
from handrail.desk.web.security.store import KnownClients, Links
from handrail.desk.web.security.users import Users

Kind = Literal["login", "login.failed", "logout", "session.expired", "forbidden", "rate.limited"]
Audit = Callable[[str, str | None, dict[str, Any]], Awaitable[None] | None]
CHECKS_AT_ONCE = 2  # of passwords: each takes 64 MiB
CHECKS_WAITING_MAX = 20


async def record(audit: Audit, kind: Kind, person: str | None, **detail: Any) -> None:
    """Record the event; the audit may be a coroutine, and where it fails, so does what was being done."""
    pending = audit(kind, person, detail)
    if inspect.isawaitable(pending):
        await pending


@dataclass(frozen=True, slots=True)
class Limits:
    """What is counted; in memory, so a restart forgets it."""

    logins: Buckets
    actions: Buckets
    delays: Delays = field(default_factory=Delays)
    reported: Buckets = field(default_factory=lambda: Buckets(per_min=1, burst=1))  # one line a minute about each key

    @classmethod
    def of(cls, settings: SecuritySettings) -> "Limits":
        """The limits that the settings name."""
        logins, actions = settings.desk_logins_per_min, settings.desk_actions_per_min
        return cls(Buckets(logins, logins), Buckets(actions, actions))


@dataclass(frozen=True, slots=True)
class Parts:
    """All of it, made once. `clock` gives seconds since 1970-01-01 UTC."""

    settings: SecuritySettings
    address: Address
    sessions: Sessions
    users: Users
    links: Links
    known: KnownClients
    flows: Flows
    provider: Provider | None
    limits: Limits
    audit: Audit
    clock: Callable[[], float]
    checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CHECKS_AT_ONCE))
    nobody: str = field(default_factory=passwords.unknown)

    @property
    def secure(self) -> bool:
        """Cookies go over TLS only."""
        return self.address.secure
