"""The address at which the desk is reached: what the names in a request are checked against."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from handrail.schemas.errors import ConfigError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Address:
    """`origin` is `scheme://host[:port]` as browsers write it, None where any port of loopback will do."""

    origin: str | None
    secure: bool
    loopback: bool

    @classmethod
    def of(cls, url: str | None) -> Self:
        """The address that people type; None: this machine alone, without TLS. Raises ConfigError."""
        if url is None:
            return cls(None, secure=False, loopback=True)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigError(f"desk_url: is no address, got {url!r}: write https://HOST") from None
        if not host or parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query or parts.username:
            raise ConfigError(f"desk_url: must be https://HOST or https://HOST:PORT and no more, got {url!r}")
        loopback = is_loopback(host)
        if parts.scheme == "http" and not loopback:
            raise ConfigError(f"desk_url: must be https:// beyond this machine, got {url!r}: put a TLS proxy before it")
        shown = f"[{host}]" if ":" in host else host
        standard = {"http": 80, "https": 443}[parts.scheme]
        netloc = shown if port in (None, standard) else f"{shown}:{port}"
        return cls(f"{parts.scheme}://{netloc}", secure=parts.scheme == "https", loopback=loopback)

    @staticmethod
    def safe(url: str) -> bool:
        """Secrets may be sent there: over TLS, or no further than this machine."""
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            return False
        return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or "")))

    def has_host(self, host: str) -> bool:
        """A request with this Host header was meant for the desk (any other name is DNS rebinding, or a mistake)."""
        if self.origin is None:
            return _LOCAL_HOST.fullmatch(host.lower()) is not None
        scheme, _, netloc = self.origin.partition("://")
        return host.lower().removesuffix(":443" if scheme == "https" else ":80") == netloc

    def origin_for(self, host: str) -> str:
        """The origin of a page that came from a request with this Host header, which `has_host` has let in."""
        if self.origin is not None:
            return self.origin
        return f"http://{host.lower().removesuffix(':80')}"


def is_loopback(host: str) -> bool:
    """The name or address never leaves this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
