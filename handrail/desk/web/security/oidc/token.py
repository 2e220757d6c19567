"""The ID token: signed by the provider, for us, now, for this login (OpenID Connect Core 1.0, section 3.1.3.7).

PyJWT checks signature and times. The algorithm is one of two that are written here, and fits the key: a token never
chooses (RFC 8725, section 3.1).
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from handrail.desk.web.security.oidc.provider import LoginRefused, Provider
from handrail.desk.web.security.person import granted

ALGORITHMS = {"RS256": ("RSA", None), "ES256": ("EC", "P-256")}
LEEWAY_S = 60
AGE_S_MAX = 600.0  # it was made for this login, which takes no longer
RSA_BITS_MIN = 2_048
TOKEN_LENGTH_MAX = 64 * 1024
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]

Claims = dict[str, Any]
NAME_MAX = 200
GROUPS_MAX = 10_000


async def claims_of(token: object, provider: Provider, nonce: str, now_s: float) -> Claims:
    """What the token says, all checks passed. Raises LoginRefused."""
    if not isinstance(token, str) or len(token) > TOKEN_LENGTH_MAX:
        raise LoginRefused("no ID token")
    algorithm, kid = _header(token)
    key = _matching(await provider.keys(), algorithm, kid)
    if key is None:  # the provider may have new keys
        key = _matching(await provider.keys(again=True), algorithm, kid)
    if key is None:
        raise LoginRefused("the ID token's key is not one of the provider's")
    claims = _verified(token, key, algorithm, provider)
    _check_claims(claims, provider.client_id, nonce, now_s)
    return claims


def _header(token: str) -> tuple[str, str | None]:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise LoginRefused("the ID token cannot be read") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise LoginRefused("the ID token is not signed with RS256 or ES256")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise LoginRefused("the ID token is a token of another kind")
    if kid is not None and not isinstance(kid, str):
        raise LoginRefused("the ID token's key id is no text")
    return algorithm, kid


def _matching(keys: list[Claims], algorithm: str, kid: str | None) -> Claims | None:
    """The one key of that id that can have made such a signature; without an id, the only one that can."""
    kind, curve = ALGORITHMS[algorithm]
    fitting = [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("crv") == curve
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (kid is None or key.get("kid") == kid)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _verified(token: str, key: Claims, algorithm: str, provider: Provider) -> Claims:
    try:
        public = jwt.PyJWK(key, algorithm).key
        if isinstance(public, RSAPublicKey) and public.key_size < RSA_BITS_MIN:
            raise LoginRefused(f"the provider's key has under {RSA_BITS_MIN} bits")
        return jwt.decode(
            token,
            public,
            algorithms=[algorithm],
            audience=provider.client_id,
            issuer=provider.issuer,
            leeway=LEEWAY_S,
            options={"require": REQUIRED, "verify_signature": True},
        )
    except jwt.PyJWTError as error:
        raise LoginRefused(f"the ID token is not good ({type(error).__name__})") from None


def _check_claims(claims: Claims, client_id: str, nonce: str, now_s: float) -> None:
    sent, audience = claims["nonce"], claims["aud"]
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode("utf-8", "replace"), nonce.encode()):
        raise LoginRefused("the ID token was made for another login (nonce)")
    if audience not in (client_id, [client_id]):
        raise LoginRefused("the ID token is for others too (aud)")
    if claims.get("azp", client_id) != client_id:
        raise LoginRefused("the ID token was given to another client (azp)")
    if now_s - float(claims["iat"]) > AGE_S_MAX + LEEWAY_S:
        raise LoginRefused("the ID token is too old (iat)")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 200 or not claims["sub"].isprintable():
        raise LoginRefused("the ID token names nobody (sub)")


def person_id(claims: Mapping[str, Any]) -> str:
    """What stands on the log: `sub`, the one claim that is never given to somebody else (Core, section 5.7).

    The prefix keeps it apart from local users.
    """
    return f"oidc:{claims['sub']}"


def shown_name(claims: Mapping[str, Any]) -> str:
    """The person's name as others may read it; people choose it, so nothing depends on it."""
    for claim in ("name", "preferred_username", "email"):
        name = claims.get(claim)
        if isinstance(name, str) and name.strip():
            return "".join(letter for letter in name.strip()[:NAME_MAX] if letter.isprintable())
    return person_id(claims)


def roles_of(claims: Mapping[str, Any], claim: str, mapping: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The desk's roles of the groups that the claim names; groups that the mapping does not have give nothing."""
    value = _claim_at(claims, claim)
    groups = value if isinstance(value, list) else [value]
    return granted(role for group in groups[:GROUPS_MAX] if isinstance(group, str) for role in mapping.get(group, ()))


def _claim_at(claims: Mapping[str, Any], claim: str) -> Any:
    """The claim of that name, else the one that its dots lead to (`realm_access.roles`)."""
    if claim in claims:
        return claims[claim]
    value: Any = claims
    for part in claim.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
