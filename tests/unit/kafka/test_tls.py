"""Certificates that are renewed while a process runs: seen by a real TLS server on loopback."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from handrail.kafka.tls import RenewedContext
from infra.kafka.authority import Authority, Certificate


@asynccontextmanager
async def serving(authority: Authority, broker: Certificate) -> AsyncIterator[int]:
    """The port of a server that wants a certificate of its clients, and tells each the name in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(broker.cert, broker.key)
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peercert")
        writer.write(peer["subject"][0][0][1].encode() + b"\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def common_name(port: int, context: ssl.SSLContext) -> str:
    """As whom the server sees whoever connects with this context."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        return (await reader.readline()).decode().strip()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_new_connection_shows_the_certificate_that_is_there_now(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    mine = authority.certificate("first", file="agent")
    context = RenewedContext(authority.ca, mine.cert, mine.key)
    async with serving(authority, authority.certificate("node")) as port:
        assert await common_name(port, context) == "first"
        authority.certificate("second", file="agent")
        assert await common_name(port, context) == "second"


async def test_while_key_and_certificate_do_not_fit_the_ones_before_are_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    mine = authority.certificate("first", file="agent")
    context = RenewedContext(authority.ca, mine.cert, mine.key)
    old = mine.cert.read_bytes()
    authority.certificate("second", file="agent")
    new = mine.cert.read_bytes()
    mine.cert.write_bytes(old)  # the key is new already
    async with serving(authority, authority.certificate("node")) as port:
        with caplog.at_level(logging.WARNING):
            assert await common_name(port, context) == "first"
        assert "does not fit the certificate" in caplog.text
        mine.cert.write_bytes(new)
        assert await common_name(port, context) == "second"


async def test_a_new_authority_replaces_the_one_before(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "one")
    mine, ca = authority.certificate("agent"), tmp_path / "ca.pem"
    ca.write_bytes(authority.ca.read_bytes())
    context = RenewedContext(ca, mine.cert, mine.key)
    async with serving(authority, authority.certificate("node")) as port:
        assert await common_name(port, context) == "agent"
        ca.write_bytes(Authority(tmp_path / "two").ca.read_bytes())
        with pytest.raises(ssl.SSLCertVerificationError):
            await common_name(port, context)
