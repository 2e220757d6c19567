"""The OIDC provider: what it says of itself, its keys, and the exchange of a code for tokens."""

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote_plus

import httpx2

from handrail.desk.web.security.address import Address
from handrail.desk.web.security.settings import SecuritySettings
from handrail.schemas.errors import ConfigError, HandrailError

TIMEOUT_S = 10.0
BYTES_MAX = 1024 * 1024
GOOD_S = 3_600.0  # metadata and keys are asked again after so long: a key that was taken back is out by then
AGAIN_S = 10.0  # for an unknown key they are asked again no oftener than this
SECRET_BYTES_MAX = 4_096
Json = dict[str, Any]


class LoginRefused(HandrailError):
    """What came from the provider, or from the browser, is not a good login. The line is for the audit."""


class ProviderAway(LoginRefused):
    """The provider does not answer."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """OpenID Connect Discovery 1.0, section 3: the parts that are used."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    basic: bool
    names_issuer: bool


class Provider:
    """One provider. Every call has a limit of time and of bytes; redirects are not followed."""

    def __init__(self, settings: SecuritySettings, clock: Callable[[], float]) -> None:
        self.issuer, self.client_id = settings.oidc_issuer or "", settings.oidc_client_id or ""
        self._secret, self._proxy, self._clock = settings.oidc_client_secret, settings.oidc_proxy, clock
        self._tls = _tls(settings.oidc_ca)
        self._lock = asyncio.Lock()
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, list[Json]] | None = None

    @classmethod
    def of(cls, settings: SecuritySettings, clock: Callable[[], float]) -> Self | None:
        """The provider that is set; None where none is. Raises ConfigError."""
        if settings.oidc_issuer is None:
            return None
        if settings.oidc_client_secret is not None:
            _read_secret(settings.oidc_client_secret)
        return cls(settings, clock)

    async def metadata(self) -> Metadata:
        """What the provider says of itself; only what names this very issuer counts. Raises LoginRefused."""
        async with self._lock:
            now_s = self._clock()
            if self._metadata is None or not 0 <= now_s - self._metadata[0] < GOOD_S:
                document = await self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                self._metadata = now_s, _metadata(document, self.issuer)
            return self._metadata[1]

    async def keys(self, *, again: bool = False) -> list[Json]:
        """The provider's keys; `again`: one was not among them, and it may have changed them. Raises LoginRefused."""
        uri = (await self.metadata()).jwks_uri
        async with self._lock:
            now_s = self._clock()
            good_s = AGAIN_S if again else GOOD_S
            if self._keys is None or not 0 <= now_s - self._keys[0] < good_s:
                keys = (await self._get(uri)).get("keys")
                if not isinstance(keys, list):
                    raise LoginRefused("the provider's keys are not a JWK set")
                self._keys = now_s, [key for key in keys[:100] if isinstance(key, dict)]
            return self._keys[1]

    async def tokens(self, code: str, verifier: str, redirect_uri: str) -> Json:
        """What the provider gives for the code. Raises LoginRefused."""
        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        if self._secret is None:
            form["client_id"] = self.client_id
        elif metadata.basic:
            pair = f"{quote_plus(self.client_id)}:{quote_plus(_read_secret(self._secret))}"  # RFC 6749, section 2.3.1
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self.client_id, "client_secret": _read_secret(self._secret)}
        return await self._ask("POST", metadata.token_endpoint, data=form, headers=headers)

    async def _get(self, url: str) -> Json:
        return await self._ask("GET", url)

    async def _ask(self, method: str, url: str, **more: Any) -> Json:
        more["headers"] = {"Accept": "application/json", **more.get("headers", {})}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                httpx2.AsyncClient(
                    verify=self._tls, proxy=self._proxy, trust_env=False, follow_redirects=False, timeout=TIMEOUT_S
                ) as client,
                client.stream(method, url, **more) as answer,
            ):
                body = await _bounded(answer)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            raise ProviderAway(f"the provider does not answer ({type(error).__name__})") from None
        if answer.status_code >= 500:
            raise ProviderAway(f"the provider answers with {answer.status_code}")
        if answer.status_code != 200:
            raise LoginRefused(f"the provider answers with {answer.status_code}")
        return _json(body)


async def _bounded(answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > BYTES_MAX:
            raise LoginRefused(f"the provider's answer is over {BYTES_MAX} bytes")
    return bytes(body)


def _json(body: bytes) -> Json:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise LoginRefused("the provider's answer is no JSON object")
    return document


def _metadata(document: Json, issuer: str) -> Metadata:
    if document.get("issuer") != issuer:
        raise LoginRefused("the provider calls itself by another name than oidc_issuer")
    urls = {name: document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    for name, url in urls.items():
        if not isinstance(url, str) or not Address.safe(url):
            raise LoginRefused(f"the provider's {name} is no https:// address")
    ways = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    names = document.get("authorization_response_iss_parameter_supported") is True
    return Metadata(**urls, basic="client_secret_basic" in ways, names_issuer=names)  # type: ignore[arg-type]


def _read_secret(path: Path) -> str:
    """The client secret; read at each login, so that a new one counts at once."""
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.read(SECRET_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"oidc_client_secret: {path}: {error}: give a file that holds the secret") from None
    if not secret:
        raise ConfigError(f"oidc_client_secret: {path}: is empty: write the secret into it")
    return secret


def _tls(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"oidc_ca: {ca}: {error}: give a file of certificates (PEM)") from None
