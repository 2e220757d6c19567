"""One worker on Apache Kafka beside its peers: bare pass-through, the batch spike, stock Faust. Needs Java and Maven.

    python -m benchmarks.worker_throughput [--rounds 3] [--events 120000]

Each peer reads the same proposals from a topic that is full before it starts, alone on the broker. Printed: events a
second and CPU microseconds an event, the median of the rounds, and the ratio to stock Faust in each round. Ratios are
what counts: the machine is in them all.

The CPU is that of a process from its start to its last event, less that of one that gets only FEW events: so nothing
that is done for an event is left out, whichever thread does it and whenever, and nothing of the start is in it.
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
from tempfile import TemporaryFile
from typing import NamedTuple

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
from tests.workers import MeasuredWorker

ROOT = Path(__file__).resolve().parents[1]
SPIKE = ROOT.parent / "shared" / "spikes" / "faust_governed.py"
OPEN = 5_000  # conversations at the same time
PROPOSALS = 24  # of each; the recorded ones have 22.6 decisions on average (docs/recorded.md)
STOCK_SHARE = 12  # stock Faust gets so much less to do
FEW = 100  # events
RATE = re.compile(r"(\d+) events/s")


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


class Life(NamedTuple):
    """Of one process: events a second while it had some, and CPU seconds from its start to its last event."""

    rate: float
    cpu_s: float


def peer(bootstrap: str, count: int, *command: str) -> Life:
    """A peer that prints its own rate when it has seen all events, and ends. `N` in its command is their number."""
    asyncio.run(wipe(bootstrap))
    asyncio.run(topics(bootstrap, "t1", "o1"))
    asyncio.run(fill(bootstrap, "t1", count))
    environment = os.environ | {"BROKER": bootstrap, "N": str(count)}
    filled = [str(count) if part == "N" else part for part in command]
    with TemporaryFile("w+") as log:
        process = subprocess.Popen(filled, env=environment, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        output = log.read()
    rate = RATE.search(output)  # Faust logs what is printed
    assert rate, output
    return Life(float(rate[1]), used.ru_utime + used.ru_stime)


def handrail(bootstrap: str, count: int) -> Life:
    """The worker, until all events are decided and committed; its rate is that of the last nine tenths."""
    asyncio.run(wipe(bootstrap))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policies").mkdir()
        write_ten_rules(folder / "policies")
        asyncio.run(ensure_topics(bootstrap))
        options = ("--policies", str(folder / "policies"))
        first = MeasuredWorker(bootstrap, folder / "first.log", *options).wait_ready()
        first.stop()  # the bundle is active before the first event
        asyncio.run(fill(bootstrap, AGENT_EVENTS, count))
        worker = MeasuredWorker(bootstrap, folder / "worker.log", *options)
        try:
            return asyncio.run(measure_life(worker, bootstrap, count))
        finally:
            worker.kill()


async def measure_life(worker: MeasuredWorker, bootstrap: str, count: int) -> Life:
    process = psutil.Process(worker.process.pid)
    started = 0.0
    begun = left = count
    while left:
        assert worker.process.poll() is None, worker.said()
        left = await behind(bootstrap, "handrail", PARTITIONS)
        if not started and left < count * 0.9:
            started, begun = time.perf_counter(), left
    times = process.cpu_times()
    return Life(begun / (time.perf_counter() - started), times.user + times.system)


def cpu_us(run: Callable[[int], Life], count: int) -> tuple[float, float]:
    """(events a second, CPU microseconds of each) of one round."""
    few, all_of_them = run(FEW), run(count)
    return all_of_them.rate, (all_of_them.cpu_s - few.cpu_s) / (count - FEW) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=120_000)
    asked = parser.parse_args()
    bare = str(ROOT / "benchmarks" / "peers" / "passthrough.py")
    stock = str(ROOT / "benchmarks" / "peers" / "stock_faust.py")
    with Cluster(nodes=1) as cluster:
        at, count = cluster.bootstrap, asked.events
        faust = ("worker", "-l", "warn", "--without-web")
        runs: dict[str, tuple[Callable[[int], Life], int]] = {
            "bare aiokafka, no JSON": (lambda n: peer(at, n, sys.executable, bare, at, "t1", "o1", "N"), count),
            "batch spike": (lambda n: peer(at, n, sys.executable, str(SPIKE), *faust), count),
            "handrail worker": (lambda n: handrail(at, n), count),
            "stock Faust": (lambda n: peer(at, n, sys.executable, stock, *faust), count // STOCK_SHARE),
        }
        if not SPIKE.exists():
            del runs["batch spike"]
        # In turns, so that what else the machine does is in all of them.
        rounds = [{name: cpu_us(*run) for name, run in runs.items()} for _ in range(asked.rounds)]
    for name in runs:
        rates, costs = zip(*(costs_of_round[name] for costs_of_round in rounds), strict=True)
        print(f"{name:24} {statistics.median(rates):9.0f} events/s {statistics.median(costs):8.1f} us CPU", end="")
        shares = [costs_of_round["stock Faust"][1] / costs_of_round[name][1] for costs_of_round in rounds]
        print(
            f"   1/{statistics.median(shares):.1f} of stock Faust's ({', '.join(f'{share:.1f}' for share in shares)})"
        )


if __name__ == "__main__":
    main()
