"""How long one worker takes to take over many open conversations, on Apache Kafka. Needs Java and Maven.

    python -m benchmarks.takeover [--conversations 1000000]

Writes the states of open conversations as a worker would have left them (a query and a proposal each: a head and two
entries), starts one worker, and prints the seconds until it is ready and until it has answered one of them, and the
largest memory of its process.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import orjson
import psutil
from aiokafka import AIOKafkaProducer

from handrail.policies import Bundle, load_bundle
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, PARTITIONS, STATES
from handrail.streams.engine import changelog
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.governor.partition import Folded, PartitionFold
from infra.kafka.cluster import Cluster
from tests.log import Log
from tests.topics import Wire
from tests.workers import Worker

POLL_S = 0.2
BATCH = 1_000  # states
NAME = b"conv-000000000"  # as long as every other name, so that its states fit any of them


def example(bundle: Bundle) -> Folded:
    """What a worker writes of a log with one open conversation."""
    log = Log(NAME.decode())
    log.control("policies.activated", ruleset=bundle.ruleset)
    log.query("Where is my parcel? It should have been here on Monday.")
    log.proposes("get_order", order_id="A-1001")
    return PartitionFold(0, None, {bundle.ruleset: bundle}).fold(log.records)


async def fill(bootstrap: str, conversations: int) -> int:
    """The changelog has the states of so many open conversations; gives how many states that are."""
    written = example(load_bundle(None))
    assert written.partition_state is not None
    states = [changelog.row_of(one) for one in written.states]
    rows: list[list[Row]] = [[] for _ in range(PARTITIONS)]
    count = 0
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=1 << 21)
    await producer.start()
    try:
        for number in range(conversations):
            name = b"conv-%09d" % number
            partition = partition_of(name, PARTITIONS)
            rows[partition] += [Row((one.key or b"").replace(NAME, name), one.value, one.headers) for one in states]
            if len(rows[partition]) >= BATCH:
                count += await _send(producer, partition, rows[partition])
        for partition, left in enumerate(rows):
            left.append(changelog.row_of(written.partition_state))
            count += await _send(producer, partition, left)
    finally:
        await producer.stop()
    return count


async def _send(producer: AIOKafkaProducer, partition: int, rows: list[Row]) -> int:
    batch = producer.create_batch()
    for row in rows:
        batch.append(key=row.key, value=row.value, timestamp=None, headers=list(row.headers))
    batch.close()
    await (await producer.send_batch(batch, STATES, partition=partition))
    count = len(rows)
    rows.clear()
    return count


async def publish(bootstrap: str) -> None:
    """The bundle is on its topic, and each partition has as many records as its state says that it has folded."""
    log = Log("control")
    async with Producer(bootstrap) as producer:
        await Bundles(bootstrap).publish(producer, load_bundle(None))
    async with Wire(bootstrap) as wire:
        for _ in range(3):
            log.control("tick")
            for partition in range(PARTITIONS):
                await wire.raw(b"control", log.records[-1].value or b"", partition=partition)


async def answered(bootstrap: str) -> None:
    """One of the old conversations goes on, and is decided as an old one."""
    async with Wire(bootstrap, DECISIONS) as wire:
        log = Log("conv-000000007")
        log.proposes("get_order", event_id="after", order_id="A-1001")
        await wire.raw(b"conv-000000007", log.records[-1].value or b"", AGENT_EVENTS)
        usage = orjson.loads((await wire.next(60)).value)["data"]["usage"]
        assert usage["conversation_steps"] == 2, usage  # it remembers the first one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=1_000_000)
    asked = parser.parse_args()
    with Cluster(nodes=1, heap_mb=1024) as cluster, tempfile.TemporaryDirectory() as name:
        at = cluster.bootstrap
        asyncio.run(ensure_topics(at))
        asyncio.run(publish(at))
        count = asyncio.run(fill(at, asked.conversations))
        print(f"{asked.conversations:,} open conversations, {count:,} states", file=sys.stderr)
        started = time.perf_counter()
        one = Worker(at, Path(name) / "worker.log")
        try:
            process, most = psutil.Process(one.process.pid), 0
            while not one.ready and one.process.poll() is None:
                most = max(most, process.memory_info().rss)
                time.sleep(POLL_S)
            ready_s = time.perf_counter() - started
            asyncio.run(answered(at))
            spent = time.perf_counter() - started
        finally:
            one.kill()
        print(
            f"{one.said()}\nready after {ready_s:.1f} s, one answered after {spent:.1f} s, {most / 1e6:,.0f} MB at most"
        )


if __name__ == "__main__":
    main()
