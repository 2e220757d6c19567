"""What `propose` adds to an action: from the call to the permit, over the SDK, a worker that signs, and Apache Kafka.

    python -m benchmarks.propose [--conversations 1 64] [--rounds 40] [--think-s 0]

Each conversation proposes one read after the other; every one goes through the agent's gate too, which checks the
signature and puts its claim on the disk. `--think-s` is what each waits between two, as a language model makes it wait;
with 0 they ask as fast as they are answered, and 64 conversations load the machine. Needs Java and Maven.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.bundles import write_ten_rules
from handrail.client import Agent, Client, Gate
from handrail.streams.keys import new_key
from infra.kafka.cluster import Cluster
from tests.workers import worker

WARM_UP = 5  # proposals of each conversation that are not counted


TOOL = "get_order"


class Timed:
    """Milliseconds that proposals and gates took."""

    def __init__(self) -> None:
        self.proposed: list[float] = []
        self.admitted: list[float] = []


async def converse(bootstrap: str, gate: Gate, name: str, rounds: int, think_s: float, timed: Timed) -> None:
    """One conversation of as many reads."""
    async with Agent("shop", conversation=name, bootstrap=bootstrap) as agent:
        for number in range(-WARM_UP, rounds):
            await asyncio.sleep(think_s)
            started = time.perf_counter()
            permit = await agent.propose(TOOL, {"order_id": f"#W{number}"})
            answered = time.perf_counter()
            async with gate.admit(permit, TOOL):
                through = time.perf_counter()
            if number >= 0:
                timed.proposed.append((answered - started) * 1000)
                timed.admitted.append((through - answered) * 1000)


async def measure(bootstrap: str, gate: Gate, conversations: int, rounds: int, think_s: float) -> Timed:
    timed = Timed()
    names = [f"{conversations}-{time.time_ns()}-{number}" for number in range(conversations)]
    async with Client(bootstrap):
        await asyncio.gather(*(converse(bootstrap, gate, name, rounds, think_s, timed) for name in names))
    return timed


def shown(values: list[float]) -> str:
    ordered = sorted(values)
    return f"p50 {statistics.median(ordered):6.1f} ms, p99 {ordered[int(len(ordered) * 0.99)]:6.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--rounds", type=int, default=40, help="proposals of each conversation; fewer than 95")
    parser.add_argument("--think-s", type=float, default=0.0)
    asked = parser.parse_args()
    with Cluster(nodes=1) as cluster, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policies").mkdir()
        write_ten_rules(folder / "policies")
        new_key(folder / "signing.key")
        options = ("--policies", str(folder / "policies"), "--key", str(folder / "signing.key"))
        gate = Gate(folder / "signing.key.pub", folder / "claims.db")
        with worker(cluster.bootstrap, folder, *options):
            for count in asked.conversations:
                timed = asyncio.run(measure(cluster.bootstrap, gate, count, asked.rounds, asked.think_s))
                actions = f"{count:>3} conversations, {len(timed.proposed):,} actions"
                print(f"{actions}: propose {shown(timed.proposed)}; gate {shown(timed.admitted)}", flush=True)


if __name__ == "__main__":
    main()
