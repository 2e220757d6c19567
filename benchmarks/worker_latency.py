"""From proposal to decision on Apache Kafka: how long an agent waits. Needs Java and Maven.

    python -m benchmarks.worker_latency [--rate 100 1000] [--seconds 20]

Open loop: proposals leave at their times whether or not earlier ones are answered, so a stall is seen in full. The
first two seconds of each rate are left out. Everything runs on this machine: producer, broker, worker, reader.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.bundles import write_ten_rules
from benchmarks.worker_throughput import event
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS
from handrail.streams.engine.topics import ensure_topics
from infra.kafka.cluster import Cluster
from tests.workers import MeasuredWorker

WARM_UP_S = 2
PATIENCE_S = 30


async def measure(bootstrap: str, rate: int, seconds: int, first: int) -> list[float]:
    """Seconds from each proposal to its decision, in the order of the proposals."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=0)
    consumer = AIOKafkaConsumer(DECISIONS, bootstrap_servers=bootstrap, auto_offset_reset="latest")
    await producer.start()
    await consumer.start()
    await consumer.seek_to_end()
    sent: dict[str, float] = {}
    count, got = rate * seconds, {}

    async def read() -> None:
        while len(got) < count:
            record = await consumer.getone()
            name = orjson.loads(record.value)["data"]["for"]["id"]
            got[name] = time.perf_counter() - sent[name]

    reading = asyncio.create_task(read())
    started = time.perf_counter()
    for number in range(first, first + count):
        key, value = event(number)
        await asyncio.sleep(max(0.0, started + (number - first) / rate - time.perf_counter()))
        sent[f"01JD{number:020d}"] = time.perf_counter()
        await producer.send(AGENT_EVENTS, value, key=key)
    await asyncio.wait_for(reading, PATIENCE_S)
    await producer.stop()
    await consumer.stop()
    return [got[name] for name in sent]


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=1000)[round(share * 1000) - 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--seconds", type=int, default=20)
    asked = parser.parse_args()
    with Cluster(nodes=1) as cluster, tempfile.TemporaryDirectory() as name:
        write_ten_rules(Path(name))
        asyncio.run(ensure_topics(cluster.bootstrap))
        worker = MeasuredWorker(cluster.bootstrap, Path(name) / "worker.log", "--policies", name).wait_ready()
        try:
            first = 0
            for rate in asked.rate:
                delays = asyncio.run(measure(cluster.bootstrap, rate, asked.seconds, first))[rate * WARM_UP_S :]
                first += rate * asked.seconds
                shown = [f"p{share * 100:g} {percentile(delays, share) * 1000:.1f} ms" for share in (0.5, 0.99, 0.999)]
                print(f"{rate:5d}/s: {', '.join(shown)} ({len(delays)} proposals)", flush=True)
        finally:
            worker.kill()


if __name__ == "__main__":
    main()
