"""Which client a request comes from, as limits count it."""

from collections.abc import Collection, Iterable
from ipaddress import IPv6Address, ip_address

from starlette.types import Scope

HOPS_MAX = 20


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
