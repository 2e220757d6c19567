"""A broker and a worker for all sessions; each test takes a conversation of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from handrail.broker import EmbeddedBroker
from handrail.streams.keys import new_key, public_path
from tests.bundles import REFUNDS, TOOLS, written
from tests.workers import worker


@dataclass(frozen=True, slots=True)
class Place:
    """Where Kafka is, and whose decisions count."""

    bootstrap: str
    public_key: Path


@pytest.fixture(scope="session")
def handrail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A worker that signs: refunds above $100 need a person, above $500 nobody makes them."""
    folder = tmp_path_factory.mktemp("mcp")
    policies, key = written(folder / "policies", refunds=REFUNDS, tools=TOOLS), folder / "signing.key"
    new_key(key)
    with (
        EmbeddedBroker() as broker,
        worker(broker.bootstrap, folder, "--policies", str(policies), "--key", str(key)),
    ):
        yield Place(broker.bootstrap, public_path(key))
