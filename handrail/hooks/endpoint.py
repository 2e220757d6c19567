"""One endpoint over HTTP: what is sent to it, and what it answers. TLS is verified, redirects are not followed."""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from handrail.hooks import config, signatures
from handrail.hooks.address import PublicResolver, is_literal, is_public
from handrail.hooks.config import FromFile, Hook
from handrail.hooks.message import Message
from handrail.schemas.errors import ConfigError

RESPONSE_BYTES_MAX = 1_000  # of an answer, for the reason; the rest is not read
REASON_MAX = 200
RETRY_AFTER_S_MAX = 3_600.0
GONE, TOO_MANY = 410, 429
AGENT = "handrail-hooks"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The result of one attempt: `why` is empty where it was taken.

    `gone`: nothing must be sent there any more. `wait_s`: nothing must be sent there for so long.
    """

    why: str = ""
    gone: bool = False
    wait_s: float = 0.0


class Endpoint:
    """The connections of one hook. Raises ConfigError where a file that the hook names cannot be used."""

    def __init__(self, hook: Hook, base: Path) -> None:
        self._hook = hook
        self._secrets = config.secrets(hook.secret_file, base) if hook.secret_file else ()
        self.fixed: Mapping[str, str] = {
            name: config.text_of(value.file, base)
            for name, value in hook.headers.items()
            if isinstance(value, FromFile)
        }
        self._tls = _tls(hook.ca_file, base)

    async def __aenter__(self) -> Self:
        resolver = None if self._hook.private else PublicResolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, ssl=self._tls, limit=self._hook.at_once),
            timeout=aiohttp.ClientTimeout(total=self._hook.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # what is not unpacked cannot become large
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, message: Message) -> HttpResponse:
        """One attempt, signed at this moment. Never raises for what the other side or the network do."""
        headers = {"user-agent": AGENT, **message.headers}
        if self._secrets:
            headers |= signatures.headers(self._secrets, message.id, int(time.time()), message.body)
        else:
            headers["webhook-id"] = message.id
        url = URL(message.url, encoded=True)
        if not self._hook.private and (host := url.host) and is_literal(host) and not is_public(host):
            return HttpResponse(f"{host} is not public: set private: true where that is meant")
        try:
            async with self._session.request(
                self._hook.method, url, data=message.body, headers=headers, allow_redirects=False
            ) as response:
                body = await response.content.read(RESPONSE_BYTES_MAX) if not response.ok else b""
                return _result(response.status, response.headers.get("retry-after"), body)
        except TimeoutError:
            return HttpResponse(f"no answer within {self._hook.timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return HttpResponse(" ".join(f"{type(error).__name__}: {error}".split())[:REASON_MAX])


def _result(status: int, retry_after: str | None, body: bytes) -> HttpResponse:
    if 200 <= status < 300:
        return HttpResponse()
    text = " ".join(body.decode(errors="replace").split())[:REASON_MAX]
    why = f"HTTP {status}{f': {text}' if text else ''}"
    return HttpResponse(why, status == GONE, _seconds(retry_after) or (1.0 if status == TOO_MANY else 0.0))


def _seconds(retry_after: str | None) -> float:
    """RFC 9110, 10.2.3: seconds, or a date. 0 where it says neither."""
    if retry_after is None:
        return 0.0
    try:
        wait_s = float(retry_after) if retry_after.isdecimal() else _until(retry_after)
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, wait_s), RETRY_AFTER_S_MAX)


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()


def _tls(ca_file: Path | None, base: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(base / ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{base / (ca_file or '')}: {error}: ca_file must hold certificates in PEM") from error
