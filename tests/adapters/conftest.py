"""A broker with a worker that signs, for all adapters; each test takes conversations of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from handrail.broker import EmbeddedBroker
from handrail.streams.keys import new_key, public_path
from tests.workers import worker

POLICIES = Path(__file__).resolve().parents[2] / "handrail" / "demo" / "policies"


@dataclass(frozen=True)
class Governing:
    """Where it is, and the public key for gates."""

    bootstrap: str
    public_key: Path


@pytest.fixture(scope="session")
def governing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governing]:
    """Handrail with the demo's policies: refunds above $100 wait for a person, above $500 are blocked."""
    folder = tmp_path_factory.mktemp("adapters")
    key = folder / "signing.key"
    new_key(key)
    with (
        EmbeddedBroker() as broker,
        worker(broker.bootstrap, folder, "--key", str(key), "--policies", str(POLICIES)),
    ):
        yield Governing(broker.bootstrap, public_path(key))
