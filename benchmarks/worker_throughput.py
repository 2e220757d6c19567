"""One worker on Apache Kafka beside its peers: bare pass-through, the batch spike, stock Faust. Needs Java and Maven.

    python -m benchmarks.worker_throughput [--rounds 3] [--events 120000]

Each peer reads the same proposals from a topic that is full before it starts, alone on the broker. Printed: events a
second and CPU microseconds an event, the median of the rounds. Ratios are what counts: the machine is in them all.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.bundles import write_ten_rules
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, PARTITIONS
from handrail.streams.engine.topics import ensure_topics
from infra.kafka.cluster import Cluster
from tests.brokers import wipe
from tests.groups import behind
from tests.workers import Worker

ROOT = Path(__file__).resolve().parents[1]
SPIKE = ROOT.parent / "shared" / "spikes" / "faust_governed.py"
OPEN = 5_000  # conversations at the same time
PROPOSALS = 24  # of each; the recorded ones have 22.6 decisions on average (docs/recorded.md)
STOCK_SHARE = 12  # stock Faust gets so much less to do
FIGURES = re.compile(r"(\d+) events/s, ([\d.]+) us")
Figures = tuple[float, float]


def event(number: int) -> tuple[bytes, bytes]:
    """(key, value) of a proposal of about 400 bytes, of one of the open conversations in turn."""
    conversation = f"conv-{number // (OPEN * PROPOSALS) * OPEN + number % OPEN}"
    arguments = {"order_id": f"#W{number}", "refund_amount_usd": number % 90, "amount": number % 90}
    data = {"agent_id": "refunds", "conversation_id": conversation, "action_id": f"a{number}", "tool": "refund"}
    value = {
        "specversion": "1.0",
        "id": f"01JD{number:020d}",
        "source": "/agents/refunds",
        "type": "handrail.action.proposed.v1",
        "subject": conversation,
        "time": "2026-11-23T10:15:02.412Z",
        "data": {**data, "arguments": arguments},
    }
    return conversation.encode(), orjson.dumps(value)


async def fill(bootstrap: str, topic: str, count: int, first: int = 0) -> None:
    """`count` events lie on the topic when this returns, numbered from `first`."""
    rows: list[list[tuple[bytes, bytes]]] = [[] for _ in range(PARTITIONS)]
    for key, value in map(event, range(first, first + count)):
        rows[partition_of(key, PARTITIONS)].append((key, value))
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=1 << 20)
    await producer.start()
    try:
        for partition, part in enumerate(rows):
            for at in range(0, len(part), 1000):
                batch = producer.create_batch()
                for key, value in part[at : at + 1000]:
                    batch.append(key=key, value=value, timestamp=None)
                batch.close()
                await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()


async def topics(bootstrap: str, *names: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    await admin.close()


def peer(bootstrap: str, count: int, *command: str) -> Figures:
    """A peer that prints its own figures when it has seen all events."""
    asyncio.run(wipe(bootstrap))
    asyncio.run(topics(bootstrap, "t1", "o1"))
    asyncio.run(fill(bootstrap, "t1", count))
    environment = os.environ | {"BROKER": bootstrap, "N": str(count)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    found = FIGURES.search(done.stdout + done.stderr)  # Faust logs what is printed
    assert found, done.stderr
    return float(found[1]), float(found[2])


def handrail(bootstrap: str, count: int) -> Figures:
    """The worker, from a tenth of the events decided to all of them committed."""
    asyncio.run(wipe(bootstrap))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policies").mkdir()
        write_ten_rules(folder / "policies")
        asyncio.run(ensure_topics(bootstrap))
        options = ("--policies", str(folder / "policies"))
        first = Worker(bootstrap, folder / "first.log", *options).wait_ready()
        first.stop()  # the bundle is active before the first event
        asyncio.run(fill(bootstrap, AGENT_EVENTS, count))
        one = Worker(bootstrap, folder / "worker.log", *options)
        try:
            return asyncio.run(measured(one, bootstrap, count))
        finally:
            one.kill()


async def measured(one: Worker, bootstrap: str, count: int) -> Figures:
    process = psutil.Process(one.process.pid)
    started = cpu = 0.0
    begun = left = count
    while left:
        assert one.process.poll() is None, one.said()
        left = await behind(bootstrap, "handrail", PARTITIONS)
        times = process.cpu_times()
        if not started and left < count * 0.9:
            started, cpu, begun = time.perf_counter(), times.user + times.system, left
    spent, used = time.perf_counter() - started, times.user + times.system - cpu
    return begun / spent, used / begun * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=120_000)
    asked = parser.parse_args()
    bare = str(ROOT / "benchmarks" / "peers" / "passthrough.py")
    stock = str(ROOT / "benchmarks" / "peers" / "stock_faust.py")
    with Cluster(nodes=1) as cluster:
        at, count, few = cluster.bootstrap, asked.events, asked.events // STOCK_SHARE
        runs: dict[str, Callable[[], Figures]] = {
            "bare aiokafka, no JSON": lambda: peer(at, count, sys.executable, bare, at, "t1", "o1", str(count)),
            "batch spike": lambda: peer(at, count, sys.executable, str(SPIKE), "worker", "-l", "warn", "--without-web"),
            "handrail worker": lambda: handrail(at, count),
            "stock Faust": lambda: peer(at, few, sys.executable, stock, "worker", "-l", "warn", "--without-web"),
        }
        if not SPIKE.exists():
            del runs["batch spike"]
        for name, run in runs.items():
            figures = [run() for _ in range(asked.rounds)]
            rates, costs = zip(*figures, strict=True)
            print(
                f"{name:24} {statistics.median(rates):9.0f} events/s {statistics.median(costs):8.1f} us CPU", flush=True
            )


if __name__ == "__main__":
    main()
