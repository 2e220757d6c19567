"""Who is speaking, and what they may do, as the pages see it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from handrail.schemas.fields import By

Role = Literal["reader", "agent", "approver", "revealer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
MEANING = {
    "reader": "sees",
    "agent": "claims, resolves, returns",
    "approver": "approves, denies",
    "revealer": "sees redacted values",
    "admin": "all of it",
}
VISIT = "handrail.visit"  # key in the scope of a request


def granted(roles: Iterable[str]) -> frozenset[str]:
    """The roles that these give: `admin` has all, and any of them may read; unknown words give nothing."""
    known = frozenset(roles) & frozenset(ROLES)
    if "admin" in known:
        return frozenset(ROLES)
    return known | {"reader"} if known else known


@dataclass(frozen=True, slots=True)
class Person:
    """A person who has logged in. `session_id` names the session on the log; it is not the secret in the cookie."""

    id: str
    name: str
    roles: frozenset[str]
    session_id: str

    @property
    def by(self) -> By:
        """The person as claims, answers and the audit name them."""
        return By(id=self.id, name=self.name or None)


@dataclass(slots=True)
class Visit:
    """What is known of one request, and what its answer will carry.

    `client` is the client as limits count it; `session` and `browser` are the secrets of the cookies that count.
    `lacked` is the role for want of which it was refused. `cookies` are set by the answer.
    """

    client: str
    person: Person | None = None
    session: str = ""
    browser: str = ""
    csrf: str = ""
    lacked: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)


def visit_of(scope: Scope) -> Visit:
    """What `Security.wrap` knows about this request. Raises RuntimeError where it does not wrap the app."""
    if VISIT not in scope:
        raise RuntimeError("the app is not behind Security.wrap: wrap it, else nobody is checked")
    return cast(Visit, scope[VISIT])


def person_of(request: Request) -> Person:
    """Who is speaking. Raises HTTPException 401 where nobody has logged in."""
    person = visit_of(request.scope).person
    if person is None:
        raise HTTPException(401, "log in first")
    return person


def csrf_of(request: Request) -> str:
    """The token that every form of this session sends back as `csrf`, every script as X-CSRF-Token."""
    return visit_of(request.scope).csrf


def require(request: Request, role: str) -> Person:
    """The person, who has the role. Raises HTTPException 403, which is audited, or 401."""
    person = person_of(request)
    if role not in person.roles:
        visit_of(request.scope).lacked = role
        raise HTTPException(403, f"this needs the role `{role}`: ask whoever keeps the desk's users")
    return person
