"""How long one worker takes to take over many open conversations, on Apache Kafka. Needs Java and Maven.

    python -m benchmarks.takeover [--conversations 1000000]
    python -m benchmarks.takeover --standby [--conversations 2000000]

Writes the states of open conversations as a worker would have left them (a query and a proposal each: a head and two
entries), starts one worker, and prints the seconds until it is ready and until it has answered one of them, and the
largest memory of its process.

With `--standby` two workers share the partitions, each reading along what the other owns; one is killed. Printed are
the seconds until the other has answered a conversation of each of its partitions (a session of 6 s is part of them),
and how long each partition took from being assigned to having its states.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson
import psutil
from aiokafka import AIOKafkaProducer

from handrail.broker.ports import HOST, free_port
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
from tests.workers import MeasuredWorker

POLL_S = 0.2
ANSWER_S_MAX, WAIT_S_MAX = 120.0, 600.0
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
    states = [changelog.row_of(state) for state in written.states]
    rows: list[list[Row]] = [[] for _ in range(PARTITIONS)]
    count = 0
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=1 << 21)
    await producer.start()
    try:
        for number in range(conversations):
            name = b"conv-%09d" % number
            partition = partition_of(name, PARTITIONS)
            rows[partition] += [
                Row((state.key or b"").replace(NAME, name), state.value, state.headers) for state in states
            ]
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


async def answered(bootstrap: str, partitions: Iterable[int]) -> None:
    """One old conversation of each partition goes on, and is decided as an old one."""
    names = {partition_of(b"conv-%09d" % number, PARTITIONS): f"conv-{number:09d}" for number in range(100)}
    wanted = [names[partition] for partition in partitions]
    async with Wire(bootstrap, DECISIONS) as wire:
        for name in wanted:
            log = Log(name)
            log.proposes("get_order", event_id="after", order_id="A-1001")
            await wire.raw(name.encode(), log.records[-1].value or b"", AGENT_EVENTS)
        for record in await wire.until(len(wanted), ANSWER_S_MAX):
            usage = orjson.loads(record.value)["data"]["usage"]
            assert usage["conversation_steps"] == 2, usage  # it remembers the first one


class Measured(MeasuredWorker):
    """A worker whose metrics are asked for."""

    def __init__(self, bootstrap: str, errors: Path) -> None:
        self.at = f"{HOST}:{free_port()}"
        super().__init__(bootstrap, errors, "--http", self.at)

    def metric(self, name: str) -> dict[str, float]:
        """The values of a metric by its labels, as they are written."""
        with urllib.request.urlopen(f"http://{self.at}/metrics", timeout=WAIT_S_MAX) as page:
            page_text = page.read().decode()
        lines = re.findall(rf"^handrail_worker_{name}(\{{.*\}})? (\S+)$", page_text, re.MULTILINE)
        return {labels: float(value) for labels, value in lines}

    @property
    def memory_mb(self) -> float:
        """What its process holds now."""
        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)


def cold(bootstrap: str, folder: Path) -> str:
    """One worker takes everything over from the changelog."""
    started = time.perf_counter()
    worker, most = Measured(bootstrap, folder / "worker.log"), 0.0
    try:
        while not worker.ready and worker.process.poll() is None:
            most = max(most, worker.memory_mb)
            time.sleep(POLL_S)
        ready_s = time.perf_counter() - started
        asyncio.run(answered(bootstrap, range(PARTITIONS)))
        spent = time.perf_counter() - started
    finally:
        worker.kill()
    return f"{worker.said()}\nready after {ready_s:.1f} s, all answered after {spent:.1f} s, {most:,.0f} MB at most"


def warm(bootstrap: str, folder: Path) -> str:
    """One of two workers is killed, and the other goes on with what it has read along."""
    first = Measured(bootstrap, folder / "first.log")
    second = Measured(bootstrap, folder / "second.log")
    try:
        _wait(lambda: first.ready and second.ready)
        _wait(lambda: all(len(left := worker.metric("standby_behind_states")) == 2 and not any(left.values())
                          for worker in (first, second)))  # fmt: skip
        theirs = [int(re.sub(r"\D", "", label)) for label in second.metric("standby_states")]
        before_s, before = second.metric("recovery_seconds_sum")[""], second.metric("recovery_seconds_count")[""]
        killed = time.perf_counter()
        first.kill()
        asyncio.run(answered(bootstrap, theirs))
        spent = time.perf_counter() - killed
        took_s = second.metric("recovery_seconds_sum")[""] - before_s
        count = second.metric("recovery_seconds_count")[""] - before
        return (
            f"{second.said()}\npartitions {theirs} answered {spent:.1f} s after the kill; from assigned to read "
            f"{took_s / count:.2f} s each; {second.memory_mb:,.0f} MB"
        )
    finally:
        first.kill()
        second.kill()


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S_MAX
    while not done():
        assert time.monotonic() < deadline
        time.sleep(POLL_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=1_000_000)
    parser.add_argument("--standby", action="store_true")
    asked = parser.parse_args()
    with Cluster(nodes=1, heap_mb=1024) as cluster, tempfile.TemporaryDirectory() as name:
        at = cluster.bootstrap
        asyncio.run(ensure_topics(at))
        asyncio.run(publish(at))
        count = asyncio.run(fill(at, asked.conversations))
        print(f"{asked.conversations:,} open conversations, {count:,} states", file=sys.stderr)
        print((warm if asked.standby else cold)(at, Path(name)))


if __name__ == "__main__":
    main()
