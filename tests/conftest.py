"""Fixtures for all tests: brokers, and the folder of real data."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.broker import EmbeddedBroker
from handrail.schemas.errors import ConfigError
from infra.kafka.artifacts import fetch
from infra.kafka.cluster import Cluster
from tests.brokers import wipe
from tests.groups import groups_of_its_own

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that is run in this process may turn all logs off."""
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and published policies beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared beside the checkout")
    return folder


@pytest.fixture
def embedded() -> Iterator[str]:
    """The address of an embedded broker that this test has to itself."""
    with EmbeddedBroker() as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def kafka_libs() -> Path:
    """Apache Kafka's jars; skips, saying what to install, where they cannot be had."""
    try:
        return fetch()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def apache_node(kafka_libs: Path) -> Iterator[Cluster]:
    """One node of Apache Kafka for the whole session; tests take `apache`."""
    with Cluster(nodes=1, short_lived=True) as cluster:
        yield cluster


@pytest.fixture
def apache(apache_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an Apache Kafka without topics, and for this test groups that nobody was in."""
    asyncio.run(wipe(apache_node.bootstrap))
    for name, value in groups_of_its_own().items():
        monkeypatch.setenv(name, value)
    return apache_node.bootstrap


@pytest.fixture
def apache_three(kafka_libs: Path) -> Iterator[Cluster]:
    """Three nodes of Apache Kafka that this test has to itself, to stop and kill them."""
    with Cluster(nodes=3, short_lived=True) as cluster:
        yield cluster


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=pytest.mark.kafka),
        pytest.param("apache", marks=[pytest.mark.kafka, pytest.mark.apache]),
    ]
)
def broker(request: pytest.FixtureRequest) -> str:
    """The address of a broker without topics: each test runs on the embedded one and on Apache Kafka."""
    address: str = request.getfixturevalue(request.param)
    return address
