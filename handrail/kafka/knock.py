"""A look at the brokers of a cluster, where the client says only that none of them let it in."""

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from handrail.kafka.cluster import Cluster
from handrail.kafka.explain import Probe, explain, hides_why
from handrail.kafka.rights import Right

REQUEST_MS_MAX = 3_000
CLOSE_S_MAX = 1.0
ERRORS = (KafkaError, OSError, EOFError, AssertionError, ValueError)


async def why(error: BaseException, cluster: Cluster, asked: Right | None = None) -> str:
    """As `explain`, after a look at the brokers where the error alone does not tell."""
    if not hides_why(error):
        return explain(error, cluster, asked)
    probe = await knock(cluster)
    return explain(error if probe is None else probe.error, cluster, asked, probe)


async def knock(cluster: Cluster) -> Probe | None:
    """What stands between this client and the brokers; None where one of them answers it.

    Of several addresses the one that says most counts: nobody listening at one says nothing of the others.
    """
    probe: Probe | None = None
    for host, port, _ in collect_hosts(cluster.bootstrap, randomize=False):
        try:
            await _answer(host, port, MetadataRequest([]), **cluster.connection())
        except ERRORS as error:
            if probe is None or isinstance(probe.error, ConnectionRefusedError | TimeoutError):
                probe = await _look(host, port, cluster, error)
        else:
            return None
    return probe


async def _look(host: str, port: int, cluster: Cluster, error: Exception) -> Probe:
    if isinstance(error, ConnectionRefusedError | TimeoutError):
        return Probe(error)
    tls = cluster.login.tls
    plain = False
    if tls is not None and isinstance(error, ConnectionError):
        plain = await _handshake(host, port, {"security_protocol": "PLAINTEXT"}) is not None
    options = {"security_protocol": "PLAINTEXT"} if tls is None else {"security_protocol": "SSL", "ssl_context": tls}
    return Probe(error, plain, await _handshake(host, port, options) or ())


async def _handshake(host: str, port: int, options: dict[str, Any]) -> tuple[str, ...] | None:
    """The mechanisms by which one can log in; None where nothing answers in this way."""
    with suppress(*ERRORS):
        return tuple((await _answer(host, port, SaslHandShakeRequest("?"), **options)).enabled_mechanisms)
    return None


async def _answer(host: str, port: int, request: Any, **options: Any) -> Any:
    """Of one request, over a connection that is closed when this returns."""
    connection: AIOKafkaConnection = await create_conn(host, port, request_timeout_ms=REQUEST_MS_MAX, **options)
    try:
        return await connection.send(request)
    finally:
        if (closed := connection.close()) is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(closed, CLOSE_S_MAX)
