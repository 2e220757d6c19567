"""`python -m tests.fuzz --records 100000 --seed 1`: through the pure fold, then through a worker on a broker."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from handrail.broker import EmbeddedBroker
from handrail.policies import load_bundle
from handrail.schemas.topics import PARTITIONS
from infra.kafka.cluster import Cluster
from tests.fuzz import live
from tests.fuzz.account import Folds

POLICIES = Path(__file__).resolve().parents[2] / "handrail" / "demo" / "policies"


@contextmanager
def broker(kind: str) -> Iterator[str]:
    """The address of a fresh one."""
    with EmbeddedBroker() if kind == "embedded" else Cluster(nodes=1) as running:
        yield running.bootstrap


def main() -> int:
    """Exit status 1 where a record is unaccounted for, or the memory grew."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--broker", choices=("none", "embedded", "apache"), default="apache")
    asked = options.parse_args()
    bundle = load_bundle(POLICIES)
    print(f"seed {asked.seed}")
    print(f"pure fold: {Folds(PARTITIONS, bundle).run(asked.seed, asked.records)}", flush=True)
    if asked.broker == "none":
        return 0
    with broker(asked.broker) as address, TemporaryDirectory() as folder:
        outcome = asyncio.run(live.run(address, Path(folder), POLICIES, bundle, asked.seed, asked.records))
    print(f"{asked.broker}: {outcome}")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
