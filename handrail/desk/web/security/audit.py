"""Who came in, who was kept out: each told once, and never a password or a token in it."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal

Kind = Literal["login", "login.failed", "logout", "session.expired", "forbidden", "rate.limited"]
Audit = Callable[[str, str | None, dict[str, Any]], Awaitable[None] | None]


async def record(audit: Audit, kind: Kind, person: str | None, **detail: Any) -> None:
    """It is told; the audit may be a coroutine, and where it fails, so does what was being done."""
    told = audit(kind, person, detail)
    if inspect.isawaitable(told):
        await told
