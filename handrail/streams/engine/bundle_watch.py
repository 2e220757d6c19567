"""What others write to the topic of the bundles, looked at while a worker runs: told, and mended where it matters."""

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
ALERTS_BACK = 2_000  # that are looked through, so that a worker that starts again tells nothing twice

Notice = Callable[[str], None]


class Watch:
    """Passes over what is no bundle that counts, with one line and one alert; writes again what is in force.

    The alert is written by whoever owns partition 0; that on a state, by the owner who passed over it. Whoever holds a
    bundle that is in force writes it again where something else lies under its key, since compaction would keep that.
    """

    def __init__(
        self, bootstrap: str, bundles: Bundles, partitions: Partitions, producer: Producer, notice: Notice
    ) -> None:
        self._bootstrap, self._bundles, self._partitions = bootstrap, bundles, partitions
        self._producer, self._notice = producer, notice
        self._told: set[int] = set()
        self._alerted: set[int] = set()
        self._seen = -1

    async def run(self) -> None:
        """Look again and again; brokers that are away are asked again."""
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
        if self._seen != self._bundles.read:
            for fold in folds:
                await self._bundles.newest_for(fold.keys, fold.ruleset)
            self._seen = self._bundles.read
        self._say(passed := self._bundles.passed)
        if any(fold.number == 0 for fold in folds):
            await self._alert(0, [one for one in passed[:PASSED_MAX] if one.offset not in self._alerted])
            self._alerted |= {one.offset for one in passed[:PASSED_MAX]}
        for number in {one.partition for one in self._partitions.passed}:
            await self._alert(number, [one for one in self._partitions.passed if one.partition == number])
            self._partitions.passed = [one for one in self._partitions.passed if one.partition != number]

    def _say(self, passed: list[PassedOver]) -> None:
        new = [one for one in passed if one.offset not in self._told]
        for one in new[:PASSED_MAX]:
            self._notice(f"handrail worker: {one}: passed over; `handrail policy withdraw {one.offset}` takes it off")
        if (more := len(new) - PASSED_MAX) > 0:
            self._notice(f"handrail worker: {POLICIES}: {more:,} more records are passed over")
        self._told = {one.offset for one in passed}

    async def _alert(self, partition: int, passed: list[PassedOver]) -> None:
        if not passed:
            return
        there, now_ms = await self._alerts_there(partition), int(time.time() * 1000)
        made = [alerts.passed_over(one.topic, partition, one.offset, one.key, one.why, now_ms) for one in passed]
        if new := [output for output in made if _id(output.value) not in there]:
            await self._producer.write(ALERTS, partition, new)

    async def _alerts_there(self, partition: int) -> set[str | None]:
        """The ids of the latest alerts of a partition."""
        tp = TopicPartition(ALERTS, partition)
        end, first = (await ends(self._bootstrap, [tp]))[tp], (await beginnings(self._bootstrap, [tp]))[tp]
        return {_id(one.value) async for one in stretch(self._bootstrap, tp, max(first, end - ALERTS_BACK), end)}


def _id(value: bytes | None) -> str | None:
    try:
        found = orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return None
    return found.get("id") if isinstance(found, dict) else None
