"""Records out of the topics, as lines that `handrail replay` and `handrail verify` take."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition

from handrail.audit import bundles, live
from handrail.audit.exported import line_of
from handrail.audit.folding import Rules
from handrail.audit.selection import Selection, Taken
from handrail.kafka.reachable import reachable
from handrail.schemas.errors import ConfigError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.fetch import record_of
from handrail.streams.engine.reading import beginnings, ends, partitions, scan, stretch


class Export:
    """One export: `lines` gives it line by line, and `taken` tells of it afterwards.

    `wanted` None is every conversation. `cut` names the partitions whose beginning is gone.
    """

    def __init__(self, bootstrap: str, wanted: Collection[str] | None) -> None:
        self.taken = Taken()
        self.cut: dict[int, int] = {}
        self._bootstrap, self._wanted = bootstrap, wanted

    async def lines(self, topic: str) -> AsyncIterator[bytes]:
        """Each record of the conversations, partition by partition. Raises ConfigError."""
        with reachable(self._bootstrap):
            await self._check(topic)
            async for line in self._events() if topic == AGENT_EVENTS else self._records(topic):
                yield line

    async def write_bundles(self, folder: Path) -> list[Path]:
        """Every bundle that the exported records activate is in the folder. Raises ConfigError."""
        found = (await live.rules(self._bootstrap, 0)).bundles
        if lost := [ruleset for ruleset in self.taken.rulesets if ruleset not in found]:
            raise ConfigError(f"broker {self._bootstrap}: no bundle {lost[0]}, which was active: publish it again")
        return bundles.write(folder, (found[ruleset] for ruleset in self.taken.rulesets))

    async def _check(self, topic: str) -> None:
        if not await partitions(self._bootstrap, [topic]):
            raise ConfigError(f"broker {self._bootstrap}: no topic {topic}: give the address of a Kafka it is on")

    async def _events(self) -> AsyncIterator[bytes]:
        there = await partitions(self._bootstrap, [AGENT_EVENTS])
        rules = await live.rules(self._bootstrap, len(there))
        if self._wanted is not None:  # elsewhere, a worker refuses them
            numbers = {partition_of(name.encode(), len(there)) for name in self._wanted}
            there = [tp for tp in there if tp.partition in numbers]
        first, last = await beginnings(self._bootstrap, there), await ends(self._bootstrap, there)
        self.cut = {tp.partition: offset for tp, offset in first.items() if offset > 0}
        rules = replace(rules, begins=await self._begins(rules, first, last))
        for tp in there:
            selection = Selection(tp.partition, rules, self._wanted, self.taken)
            async for record in stretch(self._bootstrap, tp, first[tp], last[tp]):
                if (line := selection.line(record_of(record))) is not None:
                    yield line

    async def _begins(
        self, rules: Rules, first: Mapping[TopicPartition, int], last: Mapping[TopicPartition, int]
    ) -> dict[int, Mapping[str, Any]]:
        """Where deadlines of single conversations can be followed from, in partitions whose beginning is gone."""
        found: dict[int, Mapping[str, Any]] = {}
        for tp, offset in first.items() if self._wanted is not None else ():
            data = await live.begin(self._bootstrap, tp, offset, last[tp]) if offset > 0 else None
            if data is not None and data["state"].get("ruleset") in rules.bundles:
                found[tp.partition] = data
        return found

    async def _records(self, topic: str) -> AsyncIterator[bytes]:
        keys = None if self._wanted is None else {name.encode() for name in self._wanted}
        async for record in scan(self._bootstrap, [topic]):
            if keys is not None and record.key not in keys:
                continue
            line = line_of(record.value, record.partition, record.offset, record.timestamp)
            if line is None:
                self.taken.unreadable += 1
                continue
            self.taken.records += 1
            if keys is not None:
                self.taken.conversations.add(record.key.decode())
            yield line
