"""Sessions: opaque, stored here, ended when idle, when old, and when their login no longer holds.

After OWASP's session management cheat sheet and ASVS 5.0, V7: 256 random bits, a new id at each login, two limits of
time, ended at logout.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from handrail.desk.web.security.person import granted
from handrail.desk.web.security.settings import SecuritySettings
from handrail.desk.web.security.store import SECRET_LENGTH, Store, digest, new_secret
from handrail.desk.web.security.users import Users

PER_PERSON_MAX = 10  # the one longest unused ends
SESSIONS_MAX = 10_000
SEEN_EVERY_S = 15.0  # how exact idleness is

Source = Literal["local", "oidc", "first"]
_FIELDS = "id, person, name, roles, source, stamp, begun_s, seen_s"


@dataclass(frozen=True, slots=True)
class Session:
    """One login of one person in one browser. `stamp` changes when the login it came from no longer holds."""

    handle: str
    person: str
    name: str
    roles: frozenset[str]
    source: Source
    stamp: str
    begun_s: float
    seen_s: float


class Sessions:
    """All sessions of the desk. Times in seconds since 1970-01-01 UTC."""

    def __init__(self, store: Store, idle_s: float, lifetime_s: float) -> None:
        self._store, self._idle_s, self._lifetime_s = store, idle_s, lifetime_s

    def begin(
        self, person: str, name: str, roles: Iterable[str], source: Source, stamp: str, now_s: float
    ) -> tuple[str, Session]:
        """A new session and the secret that goes into the cookie; it is kept nowhere else."""
        secret, granted_roles = new_secret(), sorted(roles)
        key = digest(secret)
        row = (key, person, name, json.dumps(granted_roles), source, stamp, now_s, now_s)
        with self._store.writing() as file:
            file.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            oldest = "SELECT id FROM sessions WHERE person = ? ORDER BY seen_s DESC, begun_s DESC LIMIT -1 OFFSET ?"
            file.execute(f"DELETE FROM sessions WHERE id IN ({oldest})", (person, PER_PERSON_MAX))
            over = "SELECT id FROM sessions ORDER BY seen_s DESC LIMIT -1 OFFSET ?"
            file.execute(f"DELETE FROM sessions WHERE id IN ({over})", (SESSIONS_MAX,))
        return secret, _session(row)

    def lookup(self, secret: str) -> Session | None:
        """The session of a cookie, whether or not its time is over. Nothing is made from an unknown id."""
        if len(secret) != SECRET_LENGTH:
            return None
        with self._store.reading() as file:
            row = file.execute(f"SELECT {_FIELDS} FROM sessions WHERE id = ?", (digest(secret),)).fetchone()
        return None if row is None else _session(row)

    def over(self, session: Session, now_s: float) -> str | None:
        """Why its time is over: `idle` or `age`; None where it is not."""
        if now_s - session.begun_s >= self._lifetime_s:
            return "age"
        return "idle" if now_s - session.seen_s >= self._idle_s else None

    def touch(self, session: Session, now_s: float) -> None:
        """The person did something just now."""
        if now_s - session.seen_s >= SEEN_EVERY_S:
            with self._store.writing() as file:
                file.execute("UPDATE sessions SET seen_s = ? WHERE id = ?", (now_s, bytes.fromhex(session.handle)))

    def end(self, session: Session) -> bool:
        """The session is over; false where it was already."""
        with self._store.writing() as file:
            return file.execute("DELETE FROM sessions WHERE id = ?", (bytes.fromhex(session.handle),)).rowcount > 0

    def sweep(self, now_s: float) -> list[Session]:
        """End those whose time is over, and name them."""
        late = (now_s - self._idle_s, now_s - self._lifetime_s)
        with self._store.writing() as file:
            gone = file.execute(f"SELECT {_FIELDS} FROM sessions WHERE seen_s <= ? OR begun_s <= ?", late).fetchall()
            if gone:
                file.execute("DELETE FROM sessions WHERE seen_s <= ? OR begun_s <= ?", late)
        return [_session(row) for row in gone]


def _session(row: tuple[bytes, str, str, str, Source, str, float, float]) -> Session:
    key, person, name, roles, source, stamp, begun_s, seen_s = row
    return Session(key.hex(), person, name, frozenset(json.loads(roles)), source, stamp, begun_s, seen_s)


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
    fields = [settings.oidc_issuer, settings.oidc_client_id, settings.oidc_roles_claim, settings.oidc_roles]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _local(session: Session, settings: SecuritySettings, users: Users) -> SessionValidity:
    if not settings.local_login:
        return SessionValidity(ended="local users are off")
    user = users.now().get(session.person)
    if user is None:
        return SessionValidity(ended="user removed")
    if user.stamp != session.stamp:
        return SessionValidity(ended="password changed")
    return SessionValidity(user.name, granted(user.roles))
