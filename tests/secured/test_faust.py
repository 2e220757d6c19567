"""Faust logs in with what `credentials_of` makes of a login, and needs no right beyond those of the worker."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition

from handrail.acl import grant
from handrail.acl.roles import GROUP, rights_of
from handrail.kafka.cluster import Cluster
from handrail.schemas.topics import AGENT_EVENTS
from infra.kafka.secured import SecuredCluster
from tests.infra import ROOT
from tests.secured.clients import admin_of, put

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.apache]

READ_S_MAX = 60
LOGINS = {
    "SCRAM-SHA-512": lambda cluster: cluster.scram("worker"),
    "OAUTHBEARER": lambda cluster: cluster.oauth("worker"),
    "mutual TLS": lambda cluster: cluster.certified("worker"),
}


@asynccontextmanager
async def reading(cluster: Cluster) -> AsyncIterator[asyncio.StreamReader]:
    """What the application says; its login comes from the environment, as a worker's does."""
    settings = cluster.login.settings
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    login = {f"HANDRAIL_{name.upper()}": str(value) for name, value in given.items() if value is not None}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.secured.faust_reader", "worker", "-l", "error"),
        cwd=ROOT,
        env={**os.environ, **login, "HANDRAIL_BOOTSTRAP": cluster.bootstrap},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def _said(lines: asyncio.StreamReader, value: bytes) -> None:
    while (line := await lines.readline()).strip() != b"read " + value:
        assert line, "it ended"


async def _committed(cluster: Cluster, offset: int) -> None:
    place = TopicPartition(AGENT_EVENTS, 0)
    async with admin_of(cluster) as admin:
        while (await admin.list_consumer_group_offsets(GROUP, partitions=[place]))[place].offset <= offset:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("name", LOGINS)
async def test_a_worker_reads_and_commits_as_its_principal(secured: SecuredCluster, name: str) -> None:
    await grant.apply(secured.scram(), "User:worker", rights_of("worker"))
    async with asyncio.timeout(READ_S_MAX), reading(LOGINS[name](secured)) as lines:
        offset = await put(secured.scram(), AGENT_EVENTS, name.encode())
        await _said(lines, name.encode())
        await _committed(secured.scram(), offset)
