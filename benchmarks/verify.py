"""How long `handrail verify` takes over a log of many decisions, on Apache Kafka. Needs Java and Maven.

    python -m benchmarks.verify [--decisions 1000000] [--workers 2]

Fills the events' topic with proposals, lets workers decide and sign them all, ends the workers, and times the command
as a person runs it, alone and with --chain. Printed: seconds, decisions a second, seconds of the processor, which other
work on the machine hardly changes, and the largest memory of all its processes together.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.bundles import write_ten_rules
from benchmarks.worker_throughput import fill
from handrail.schemas.topics import AGENT_EVENTS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.keys import new_key
from infra.kafka.cluster import Cluster
from tests.groups import behind
from tests.workers import MeasuredWorker

POLL_S = 0.5
FILL = 250_000  # events that are made at a time, in memory


async def decided(bootstrap: str, workers: list[MeasuredWorker], count: int) -> None:
    """Every event is decided when this returns."""
    for at in range(0, count, FILL):
        await fill(bootstrap, AGENT_EVENTS, min(FILL, count - at), first=at)
    while left := await behind(bootstrap, "handrail", PARTITIONS):
        assert all(worker.process.poll() is None for worker in workers), [worker.said() for worker in workers]
        print(f"\r{left:>10,} to decide", end="", file=sys.stderr, flush=True)
        await asyncio.sleep(POLL_S)  # no broker tells when


def verified(bootstrap: str, *options: str) -> tuple[float, float, float, str]:
    """(seconds, seconds of the processor, MB at most, last line) of the command."""
    started, used = time.perf_counter(), _used_s()
    command = [sys.executable, "-m", "handrail", "verify", "--bootstrap", bootstrap, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        most = 0
        while running.poll() is None:
            most = max(most, _memory(psutil.Process(running.pid)))
            time.sleep(POLL_S)
        assert running.stdout is not None
        output = running.stdout.read().strip()
    assert running.returncode == 0, output
    return time.perf_counter() - started, _used_s() - used, most / 1e6, output.splitlines()[-1]


def _used_s() -> float:
    """By all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _memory(process: psutil.Process) -> int:
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with Cluster(nodes=1) as cluster, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policies").mkdir()
        write_ten_rules(folder / "policies")
        asyncio.run(ensure_topics(cluster.bootstrap))
        new_key(folder / "signing.key")
        options = ("--policies", str(folder / "policies"), "--key", str(folder / "signing.key"))
        workers = [
            MeasuredWorker(cluster.bootstrap, folder / f"worker-{n}.log", *options) for n in range(asked.workers)
        ]
        try:
            for worker in workers:
                worker.wait_ready()
            asyncio.run(decided(cluster.bootstrap, workers, asked.decisions))
        finally:
            for worker in workers:
                worker.stop()
        for options in ((), ("--chain",)):
            seconds, used, memory, output = verified(cluster.bootstrap, *options)
            print(f"\n{' '.join(('verify', *options))}: {output}")
            print(f"{seconds:.1f} s, {asked.decisions / seconds:,.0f} decisions/s, ", end="")
            print(f"{used:.1f} s of the processor, {memory:,.0f} MB at most")


if __name__ == "__main__":
    main()
