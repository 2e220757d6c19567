"""A person has proved who they are: their session begins."""

from collections.abc import Iterable

from handrail.desk.web.security import cookies
from handrail.desk.web.security.audit import record
from handrail.desk.web.security.parts import Parts
from handrail.desk.web.security.person import Visit
from handrail.desk.web.security.sessions import Source


async def arrive(
    parts: Parts, visit: Visit, person: str, name: str, roles: Iterable[str], source: Source, stamp: str
) -> None:
    """A session with a new id is in the answer's cookie; the one that this browser had before is over."""
    if (before := parts.sessions.lookup(visit.session)) is not None:
        parts.sessions.end(before)
    secret, session = parts.sessions.begin(person, name, roles, source, stamp, parts.clock())
    await record(parts.audit, "login", person, method=source, session=session.handle[:16], client=visit.client)
    visit.cookies[cookies.SESSION] = secret  # not before: a login that could not be audited is none
    visit.cookies[cookies.BROWSER] = ""
