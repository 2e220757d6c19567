"""Tokens and certificates that end while a client is connected: it goes on with new ones, and loses no record."""

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from handrail.kafka.cluster import Cluster
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE
from infra.kafka.secured import ADMIN, SecuredCluster
from tests.secured.clients import closed, create_topics

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.apache]

TOKEN_S, CONNECTION_MS = 5, 1_500
TURNS_S_MAX = 150


async def test_records_go_on_over_tokens_that_end_and_connections_that_are_closed(kafka_libs: Path) -> None:
    """The broker closes a connection that is older than CONNECTION_MS, and takes no token that has ended."""
    reauthentication = {"listener.name.sasl_ssl.connections.max.reauth.ms": CONNECTION_MS}
    with SecuredCluster(nodes=1, settings=reauthentication) as secured:
        await create_topics(secured.certified(ADMIN), [CATALOGUE[AGENT_EVENTS]])
        cluster = secured.oauth(ADMIN, secured.issuer.token(ADMIN, TOKEN_S))
        used = await asyncio.wait_for(_sent_until_three_tokens(secured, cluster), TURNS_S_MAX)
        assert await _read(secured.certified(ADMIN), used) == [b"%d" % number for number in range(used)]


async def _sent_until_three_tokens(secured: SecuredCluster, cluster: Cluster) -> int:
    """How many records were acknowledged, one after the other, over three tokens, of which two have ended."""
    provider, tokens, sent = cluster.login.token, set[str](), 0
    assert provider is not None
    producer = AIOKafkaProducer(**cluster.client(), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        began_s = time.monotonic()
        while len(tokens) < 3 or time.monotonic() < began_s + 2 * TOKEN_S:
            secured.issuer.command(ADMIN, secured.issuer.token(ADMIN, TOKEN_S))
            await producer.send_and_wait(AGENT_EVENTS, b"%d" % sent, partition=0)
            sent += 1
            tokens.add(provider._token.text)
    finally:
        await producer.stop()
        await closed()
    return sent


async def _read(cluster: Cluster, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(**cluster.client(), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        place = TopicPartition(AGENT_EVENTS, 0)
        consumer.assign([place])
        assert (await consumer.end_offsets([place]))[place] == count
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()
        await closed()
