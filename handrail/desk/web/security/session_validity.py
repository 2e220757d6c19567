"""Whether the login that a session came from still holds, and what it gives now."""

import hashlib
import json
from dataclasses import dataclass

from handrail.desk.web.security.roles import granted
from handrail.desk.web.security.sessions import Session
from handrail.desk.web.security.settings import SecuritySettings
from handrail.desk.web.security.users import Users


@dataclass(frozen=True, slots=True)
class SessionValidity:
    """What a session gives. `ended` says why it gives nothing any more; empty where it does."""

    name: str = ""
    roles: frozenset[str] = frozenset()
    ended: str = ""


def validity(session: Session, settings: SecuritySettings, users: Users) -> SessionValidity:
    """Local users as their file says now, OIDC as it said at login. Raises ConfigError: the file cannot be read."""
    match session.source:
        case "local":
            return _local(session, settings, users)
        case "oidc":
            if session.stamp != oidc_stamp(settings):
                return SessionValidity(ended="provider changed")
        case "first":
            if not first_login_open(settings, users):
                return SessionValidity(ended="there are users now")
    return SessionValidity(session.name, granted(session.roles))


def first_login_open(settings: SecuritySettings, users: Users) -> bool:
    """The one-time link counts: on loopback, as long as there is no other way in. Raises ConfigError."""
    return settings.address.loopback and settings.oidc_issuer is None and not users.now()


def oidc_stamp(settings: SecuritySettings) -> str:
    """Changes with the provider, and with what its groups may do."""
    told = [settings.oidc_issuer, settings.oidc_client_id, settings.oidc_roles_claim, settings.oidc_roles]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _local(session: Session, settings: SecuritySettings, users: Users) -> SessionValidity:
    if not settings.local_login:
        return SessionValidity(ended="local users are off")
    user = users.now().get(session.person)
    if user is None:
        return SessionValidity(ended="user removed")
    if user.stamp != session.stamp:
        return SessionValidity(ended="password changed")
    return SessionValidity(user.name, granted(user.roles))
