"""What a person may do at the desk."""

from collections.abc import Iterable
from typing import Literal, get_args

Role = Literal["reader", "agent", "approver", "revealer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
MEANING = {
    "reader": "sees",
    "agent": "claims, resolves, returns",
    "approver": "approves, denies",
    "revealer": "sees redacted values",
    "admin": "all of it",
}


def granted(roles: Iterable[str]) -> frozenset[str]:
    """The roles that these come to: `admin` has all, and whoever has any may read; unknown words give nothing."""
    known = frozenset(roles) & frozenset(ROLES)
    if "admin" in known:
        return frozenset(ROLES)
    return known | {"reader"} if known else known
