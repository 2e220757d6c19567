"""Where webhooks may go: to the public internet, and elsewhere only where a hook says `private: true`.

Looked at when the connection is made, at the address that it is made to: a name that means something else a second
later gets nothing.
"""

import socket
from errno import EACCES
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits


class PrivateAddressError(OSError):
    """The name leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether the address is one of the public internet, through whatever form of IPv6 it is written."""
    found = ip_address(address.partition("%")[0])
    inner = _inside(found) if isinstance(found, IPv6Address) else None
    return found.is_global and not found.is_multicast and (inner is None or is_public(str(inner)))


def is_literal(host: str) -> bool:
    """Whether the host of a URL is an address itself, which nobody resolves."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _inside(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


class PublicResolver(AbstractResolver):
    """Resolves names; those of which one address is not public are refused whole."""

    def __init__(self) -> None:
        self._names = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses. Raises PrivateAddressError."""
        found = await self._names.resolve(host, port, family)
        for one in found:
            if not is_public(one["host"]):
                raise PrivateAddressError(EACCES, f"{host} is {one['host']}, which is not public: set private: true")
        return found

    async def close(self) -> None:
        """Nothing is resolved any more."""
        await self._names.close()
