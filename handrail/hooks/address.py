"""Where webhooks may go: to the public internet, and elsewhere only where a hook says `private: true`.

The address is checked when the connection is made to it: a name that resolves to something else a second later gets
nothing.
"""

import socket
from errno import EACCES
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

# IANA's registries of special-purpose addresses (RFC 6890) beyond what every supported Python's `is_global` knows, and
# those that are no longer in use but may still lead inwards.
_NOT_PUBLIC = [
    ip_network(text)
    for text in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "::/96",  # IPv4-compatible, RFC 4291, 2.5.5.1
        "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765
        "64:ff9b:1::/48",  # a network's own translation, RFC 8215
        "100::/64", "100:0:0:1::/64",  # discard, RFC 6666; dummy, RFC 9780
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32", "3fff::/20",  # documentation
        "2002::/16",  # 6to4, RFC 7526
        "5f00::/16",  # segment routing, RFC 9602
        "fc00::/7", "fe80::/10", "fec0::/10",  # unique local, link-local, site-local
    )
]  # fmt: skip
_UNICAST = ip_network("2000::/3")  # all of IPv6 that IANA has given out as public
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: before an IPv4 address in the last 32 bits


class PrivateAddressError(OSError):
    """The name leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether the address is one of the public internet, through whatever form of IPv6 it is written."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and (inner := _embedded_ipv4(parsed)) is not None:
        return is_public(str(inner))
    return parsed.is_global and not parsed.is_multicast and not _is_special(parsed)


def _is_special(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _UNICAST or int(address) >> 32 & 0xFFFFFFFF in _ISATAP):
        return True
    return any(address.version == network.version and address in network for network in _NOT_PUBLIC)


def is_literal(host: str) -> bool:
    """Whether the host of a URL is an address itself, which nobody resolves."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that it leads to: mapped, or through NAT64."""
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped


class PublicResolver(AbstractResolver):
    """Resolves names; a name is refused where any of its addresses is not public."""

    def __init__(self) -> None:
        self._names = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses. Raises PrivateAddressError."""
        results = await self._names.resolve(host, port, family)
        for result in results:
            if not is_public(result["host"]):
                raise PrivateAddressError(EACCES, f"{host} is {result['host']}, which is not public: set private: true")
        return results

    async def close(self) -> None:
        """Nothing is resolved any more."""
        await self._names.close()
