"""Watches the topic of the bundles while a worker runs: reports what does not count, restores what is in force."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import orjson
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from handrail.schemas.errors import ConfigError
from handrail.schemas.topics import ALERTS, POLICIES
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.partitions import Partitions
from handrail.streams.engine.producer import Producer
from handrail.streams.engine.reading import PASSED_MAX, PassedOver, beginnings, ends, stretch
from handrail.streams.governor import alerts

WATCH_S = 5.0
ALERTS_BACK = 2_000  # alerts that are looked through, so that a restarted worker raises none twice

Notice = Callable[[str], None]


class BundleWatch:
    """Passes over what is no bundle that counts, with one line and one alert; writes again what is in force.

    The owner of partition 0 writes the alert; the owner that passed over a state writes the alert on it. A worker with
    the bundle in force writes it again where another record lies under its key, since compaction would keep that one.
    """

    def __init__(
        self, bootstrap: str, bundles: Bundles, partitions: Partitions, producer: Producer, notice: Notice
    ) -> None:
        self._bootstrap, self._bundles, self._partitions = bootstrap, bundles, partitions
        self._producer, self._notice = producer, notice
        self._reported: set[int] = set()
        self._alerted: set[int] = set()
        self._read = -1

    async def run(self) -> None:
        """Looks every WATCH_S seconds; brokers that are away are asked again."""
        while True:
            with suppress(ConfigError, KafkaError, OSError):
                await self.look()
            await asyncio.sleep(WATCH_S)

    async def look(self) -> None:
        """Once. Raises ConfigError where no broker answers."""
        await self._bundles.refresh()
        folds = [pipeline.fold for pipeline in self._partitions.pipelines.values()]
        for ruleset in {fold.ruleset for fold in folds}:
            if await self._bundles.restore(self._producer, ruleset):
                self._notice(f"handrail worker: {POLICIES}: {ruleset} is in force, and was written again")
        if self._read != self._bundles.read:
            for fold in folds:
                await self._bundles.newest_for(fold.keys, fold.ruleset)
            self._read = self._bundles.read
        self._report(passed := self._bundles.passed)
        if any(fold.number == 0 for fold in folds):
            await self._alert(0, [record for record in passed[:PASSED_MAX] if record.offset not in self._alerted])
            self._alerted |= {record.offset for record in passed[:PASSED_MAX]}
        for number in {state.partition for state in self._partitions.passed}:
            await self._alert(number, [state for state in self._partitions.passed if state.partition == number])
            self._partitions.passed = [state for state in self._partitions.passed if state.partition != number]

    def _report(self, passed: list[PassedOver]) -> None:
        new = [record for record in passed if record.offset not in self._reported]
        for record in new[:PASSED_MAX]:
            self._notice(
                f"handrail worker: {record}: passed over; `handrail policy withdraw {record.offset}` takes it off"
            )
        if (more := len(new) - PASSED_MAX) > 0:
            self._notice(f"handrail worker: {POLICIES}: {more:,} more records are passed over")
        self._reported = {record.offset for record in passed}

    async def _alert(self, partition: int, passed: list[PassedOver]) -> None:
        if not passed:
            return
        known, now_ms = await self._latest_alerts(partition), int(time.time() * 1000)
        raised = [
            alerts.passed_over(record.topic, partition, record.offset, record.key, record.why, now_ms)
            for record in passed
        ]
        if new := [output for output in raised if _id(output.value) not in known]:
            await self._producer.write(ALERTS, partition, new)

    async def _latest_alerts(self, partition: int) -> set[str | None]:
        """The ids of the latest alerts of a partition."""
        tp = TopicPartition(ALERTS, partition)
        end, first = (await ends(self._bootstrap, [tp]))[tp], (await beginnings(self._bootstrap, [tp]))[tp]
        records = stretch(self._bootstrap, tp, max(first, end - ALERTS_BACK), end)
        return {_id(record.value) async for record in records}


def _id(value: bytes | None) -> str | None:
    try:
        alert = orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return None
    return alert.get("id") if isinstance(alert, dict) else None
