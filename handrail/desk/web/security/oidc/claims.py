"""From the provider's claims to a person of the desk."""

from collections.abc import Mapping, Sequence
from typing import Any

from handrail.desk.web.security.roles import granted

NAME_MAX = 200
GROUPS_MAX = 10_000


def person_id(claims: Mapping[str, Any]) -> str:
    """What stands on the log: `sub`, the one claim that is never given to somebody else (Core, section 5.7).

    The prefix keeps it apart from local users.
    """
    return f"oidc:{claims['sub']}"


def shown_name(claims: Mapping[str, Any]) -> str:
    """The person's name as others may read it; people choose it, so nothing depends on it."""
    for claim in ("name", "preferred_username", "email"):
        told = claims.get(claim)
        if isinstance(told, str) and told.strip():
            return "".join(letter for letter in told.strip()[:NAME_MAX] if letter.isprintable())
    return person_id(claims)


def roles_of(claims: Mapping[str, Any], claim: str, mapping: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The desk's roles of the groups that the claim names; groups that the mapping does not have give nothing."""
    told = _reached(claims, claim)
    groups = told if isinstance(told, list) else [told]
    return granted(role for group in groups[:GROUPS_MAX] if isinstance(group, str) for role in mapping.get(group, ()))


def _reached(claims: Mapping[str, Any], claim: str) -> Any:
    """The claim of that name, else the one that its dots lead to (`realm_access.roles`)."""
    if claim in claims:
        return claims[claim]
    found: Any = claims
    for part in claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
