"""Verify the topics of a broker: the events folded again beside the decisions, while both may grow."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from handrail.audit.beginning import no_snapshot_error, parse_snapshot
from handrail.audit.compare import Comparing, Progress, generations_of, recheck
from handrail.audit.comparison import Comparison
from handrail.audit.decision_records import DecisionRecord
from handrail.audit.rules import Rules
from handrail.kafka.reachable import reachable
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.errors import ConfigError
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, POLICIES
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.fetch import record_of
from handrail.streams.engine.reading import POLL_MS, beginnings, ends, partitions, reading, stretch

Offsets = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Span:
    """The part of the log that is verified: everything, up to the ends at one moment.

    The end of the decisions was read after that of the events, and `beyond` after both: no decision that is read can be
    for a record from `beyond` on. `begins` has the snapshot to begin at for each partition whose beginning is gone.
    """

    begins: Mapping[int, Mapping[str, Any]]
    events: Offsets
    first: Offsets  # of the decisions
    decisions: Offsets
    beyond: Offsets

    @property
    def records(self) -> int:
        """How many events there are at most."""

        return sum(self.events.values()) - sum(int(begin["position"]) + 1 for begin in self.begins.values())


async def span(bootstrap: str) -> Span:
    """Raises ConfigError where the broker or a topic is not there, or a partition's beginning, and no snapshot is."""
    with reachable(bootstrap):
        wanted = [await existing_partitions(bootstrap, topic) for topic in (AGENT_EVENTS, DECISIONS)]
        events = await ends(bootstrap, wanted[0])
        cut = {tp: offset for tp, offset in (await beginnings(bootstrap, wanted[0])).items() if offset > 0}
        begins = {tp.partition: await _required_snapshot(bootstrap, tp, first, events[tp]) for tp, first in cut.items()}
        decisions = await ends(bootstrap, wanted[1])
        first = await beginnings(bootstrap, wanted[1])
        return Span(begins, events, first, decisions, await ends(bootstrap, wanted[0]))


async def existing_partitions(bootstrap: str, topic: str) -> list[TopicPartition]:
    """The partitions of a topic. Raises ConfigError where it is not there."""
    existing = await partitions(bootstrap, [topic])
    if not existing:
        raise ConfigError(f"broker {bootstrap}: no topic {topic}: give the address of a Kafka that Handrail governs")
    return existing


async def first_snapshot(bootstrap: str, tp: TopicPartition, first: int, end: int) -> Mapping[str, Any] | None:
    """The first snapshot from which every record is still there; None where there is none."""
    async with aclosing(stretch(bootstrap, tp, first, end)) as records:
        async for record in records:
            data = parse_snapshot(record.value, record.offset, first) if record.key == CONTROL_KEY.encode() else None
            if data is not None:
                return data
    return None


async def _required_snapshot(bootstrap: str, tp: TopicPartition, first: int, end: int) -> Mapping[str, Any]:
    if first >= end:  # nothing is left, so nothing is folded
        return {"position": end - 1, "state": {}}
    if (snapshot := await first_snapshot(bootstrap, tp, first, end)) is not None:
        return snapshot
    raise no_snapshot_error(tp.partition, first)


async def published_rules(bootstrap: str, count: int) -> Rules:
    """Every published bundle that can be used here; other records of the topic are passed over."""
    bundles = Bundles(bootstrap)
    with reachable(bootstrap):
        if await partitions(bootstrap, [POLICIES]):
            await bundles.refresh()
            await bundles.load_all()
    return Rules(bundles.known, partitions=count)


async def verify(bootstrap: str, span: Span, wait_s: float, tp: TopicPartition, progress: Progress) -> Comparison:
    """The comparison of one partition of the events. Waits up to `wait_s` seconds for its last decisions.

    Raises ConfigError where the broker goes away.
    """
    rules = replace(await published_rules(bootstrap, len(span.events)), begins=span.begins)
    with reachable(bootstrap):
        return await _Partition(bootstrap, span, rules, tp.partition).compared(progress, wait_s)


class _Partition:
    """One partition of both topics."""

    def __init__(self, bootstrap: str, span: Span, rules: Rules, number: int) -> None:
        self._bootstrap, self._rules = bootstrap, rules
        self._log, self._decided = TopicPartition(AGENT_EVENTS, number), TopicPartition(DECISIONS, number)
        self._start = rules.start(number) + 1
        self._end, self._beyond = span.events[self._log], span.beyond[self._log]
        self._first, self._last = span.first.get(self._decided, 0), span.decisions.get(self._decided)

    async def compared(self, progress: Progress, wait_s: float) -> Comparison:
        number = self._log.partition
        generations = await generations_of(self._written(), self._rules) if number in self._rules.begins else None
        async with aclosing(self._records()) as events, aclosing(self._written()) as decisions:
            comparing = Comparing(
                events, self._rules, progress, {number: self._end}, {number: self._beyond}, generations
            )
            comparison = comparing.of(number)
            await comparing.take(decisions)
            await comparing.fold_all()
        if comparing.waiting and self._last is not None:
            await self._follow(comparing, self._last, wait_s)
        await recheck(comparison, self._records(), self._rules)
        comparison.end()
        return comparison

    async def _records(self) -> AsyncGenerator[Record, None]:
        async with aclosing(stretch(self._bootstrap, self._log, self._start, self._end)) as records:
            async for record in records:
                yield record_of(record)

    async def _written(self) -> AsyncGenerator[DecisionRecord, None]:
        async with aclosing(stretch(self._bootstrap, self._decided, self._first, self._last or 0)) as records:
            async for record in records:
                yield decision_record(record)

    async def _follow(self, comparing: Comparing, end: int, wait_s: float) -> None:
        """Take decisions after `end` while a worker may be about to write an expected one."""
        deadline_s = time.monotonic() + wait_s
        comparing.follow()
        async with reading(self._bootstrap) as consumer:
            consumer.assign([self._decided])
            consumer.seek(self._decided, end)
            while comparing.waiting:
                for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    for record in records:
                        await comparing.take_one(decision_record(record))
                if time.monotonic() >= deadline_s:
                    break


def decision_record(record: ConsumerRecord) -> DecisionRecord:
    """A record of the decisions."""
    return DecisionRecord(record.partition, record.offset, record.value)
