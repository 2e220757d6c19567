"""No webhook reaches a private network, however its address is written, and however it is found."""

import ipaddress
import socket
from typing import Any

import pytest
from aiohttp.abc import ResolveResult

from handrail.hooks.address import PrivateAddressError, PublicResolver, is_public

PRIVATE = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::10.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe",
    "64:ff9b::192.88.99.1", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "100::1",
    "100:0:0:1::1",
    "2001::1", "2001:0:7f00:1::", "2001:0:808:808::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1", "2002:808:808::1", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1",
    "fe80::1%eth0",
    "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1", "4000::1", "1::1", "e000::1", "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:a00:1", "2606:4700:0:0:0:5efe:10.0.0.1",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.9.9.9", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.88.98.1", "198.17.0.1",
    "198.20.0.1",
    "223.255.255.255", "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001:830::200e", "2400:cb00::1",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
)  # fmt: skip


@pytest.mark.parametrize("one", PRIVATE)
def test_what_is_not_public_is_refused(one: str) -> None:
    assert not is_public(one)
    assert not is_public(ipaddress.ip_address(one.partition("%")[0]).exploded)


@pytest.mark.parametrize("one", PUBLIC)
def test_what_is_public_is_not(one: str) -> None:
    assert is_public(one)


@pytest.mark.parametrize("one", [one for one in PRIVATE if "%" not in one])
def test_whatever_this_pythons_ipaddress_knows(one: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`is_global` knows more or fewer ranges from version to version: with one that knew but the oldest, all hold."""
    old = [ipaddress.ip_network(net) for net in (
        "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24", "192.168.0.0/16",
        "198.51.100.0/24",
        "203.0.113.0/24",
    )]  # fmt: skip
    for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        known = property(lambda self: not any(self.version == net.version and self in net for net in old))
        monkeypatch.setattr(kind, "is_global", known)
    assert not is_public(one)


class Names:
    """A resolver whose answers the test writes."""

    def __init__(self, *found: str) -> None:
        self.found = found

    async def resolve(self, host: str, port: int, family: Any) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in self.found
        ]


@pytest.mark.parametrize(
    "found", [("127.0.0.1",), ("1.1.1.1", "10.0.0.1"), ("2606:4700::1", "::127.0.0.1"), ("fec0::1",)]
)
async def test_a_name_with_one_private_address_is_refused_whole(found: tuple[str, ...]) -> None:
    resolver = PublicResolver()
    resolver._names = Names(*found)  # type: ignore[assignment]
    with pytest.raises(PrivateAddressError, match="is not public"):
        await resolver.resolve("hooks.example", 443)


async def test_a_name_that_changes_its_mind_is_looked_at_each_time() -> None:
    resolver = PublicResolver()
    resolver._names = Names("1.1.1.1")  # type: ignore[assignment]
    assert [one["host"] for one in await resolver.resolve("hooks.example", 443)] == ["1.1.1.1"]
    resolver._names = Names("127.0.0.1")  # type: ignore[assignment]
    with pytest.raises(PrivateAddressError):
        await resolver.resolve("hooks.example", 443)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"])
async def test_other_spellings_are_what_the_system_takes_them_for(host: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011
        await PublicResolver().resolve(host, 443)
