"""A cluster that asks for a login, for the whole session, with a user for each role and the topics of the catalogue."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.schemas.topics import CATALOGUE
from infra.kafka.secured import SecuredCluster
from tests.secured.clients import create_topics

USERS = ("agent", "executor", "worker", "sink", "desk", "hooks", "analyst", "operator", "nobody")


@pytest.fixture(scope="session")
def secured(kafka_libs: Path) -> Iterator[SecuredCluster]:
    """One node; three take a test of their own."""
    with SecuredCluster(USERS, nodes=1) as cluster:
        asyncio.run(create_topics(cluster.scram(), CATALOGUE.values()))
        yield cluster
