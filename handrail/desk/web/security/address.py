"""Addresses in requests: the desk's own, the client's as limits count it, and the path to go to after login."""

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Self
from urllib.parse import urlsplit

from starlette.types import Scope

from handrail.schemas.errors import ConfigError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")
HOPS_MAX = 20
START = "/"
PATH_LENGTH_MAX = 2_048
_NOT_AFTER_LOGIN = ("/login", "/logout", "/oidc/")
# Browsers drop tabs and line ends and read `\\` as `/`, so that `/\t/evil` and `/\\evil` leave the site.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]")


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


def client_of(scope: Scope, proxies: Collection[str]) -> str:
    """The address that spoke to the first of our own proxies, or to us.

    X-Forwarded-For counts only where it comes from a proxy of ours, read from the right: what stands further left
    may be anybody's invention.
    """
    client = scope.get("client")
    if not client:
        return "socket"
    address = normal(client[0])
    hops = list(_hops(scope["headers"]))[-HOPS_MAX:]
    while address in proxies and hops:
        address = normal(hops.pop())
    return client_key(address)


def normal(host: str) -> str:
    """The address as it is compared: without zone and brackets, IPv4 inside IPv6 as IPv4."""
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host[:64]
    return str(getattr(address, "ipv4_mapped", None) or address)


def client_key(address: str) -> str:
    """An IPv4 address, or the /64 that one household of IPv6 has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and not parsed.is_loopback:
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


def _hops(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[str]:
    for name, value in headers:
        if name == b"x-forwarded-for":
            for hop in value.decode("latin-1").split(","):
                yield hop.strip()


def local_path(path: str | None) -> str:
    """The path, where it is one of the desk's own pages (RFC 3986 path-absolute with query); else the start page."""
    if path is None or len(path) > PATH_LENGTH_MAX or _FORBIDDEN.search(path) or "#" in path:
        return START
    if not path.startswith("/") or path.startswith("//") or path.startswith(_NOT_AFTER_LOGIN):
        return START
    return path
