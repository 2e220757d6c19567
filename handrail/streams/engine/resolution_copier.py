"""Copies resolutions of `human.resolutions.v1` into the conversations' own partitions, where they are folded."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from faust.types import TP

from handrail.schemas.decode import decode_resolution
from handrail.schemas.errors import SchemaError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.record import Record
from handrail.schemas.topics import DEADLETTERS, RESOLUTIONS
from handrail.streams.engine import controls
from handrail.streams.engine.consumer import BatchConsumer
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.fatal import die_of
from handrail.streams.engine.fetch import Fetch, FetchOrder
from handrail.streams.engine.producer import Row
from handrail.streams.governor import deadletters
from handrail.streams.governor.deadletters import fold_error


class ResolutionCopier:
    """The partitions of `human.resolutions.v1` that this worker owns. Each is read from its committed offset.

    Faust itself would read on after what it fetched and dropped in a rebalance.
    """

    def __init__(self, issuer: Issuer, count: int) -> None:
        self._issuer, self._count = issuer, count
        self._orders: dict[TP, FetchOrder] = {}
        self._beginnings: dict[TP, asyncio.Task[None]] = {}

    def assign(self, consumer: BatchConsumer, assigned: Iterable[TP]) -> None:
        """Read these from what is committed; all others are not ours."""
        self.release([*self._orders, *self._beginnings])
        for tp in assigned:
            if tp.topic == RESOLUTIONS:
                self._beginnings[tp] = asyncio.create_task(
                    self._begin(consumer, tp), name=f"{tp.topic}[{tp.partition}]"
                )
                self._beginnings[tp].add_done_callback(die_of)

    def release(self, revoked: Iterable[TP]) -> None:
        """Another worker copies these from now on."""
        for tp in revoked:
            self._orders.pop(tp, None)
            if (beginning := self._beginnings.pop(tp, None)) is not None:
                beginning.cancel()

    async def take(self, consumer: BatchConsumer, event: Any) -> None:
        """Copy the records of an event with a Fetch, or give it back where records before it are missing."""
        tp, fetch = event.message.tp, event.value
        order = self._orders.get(tp)
        if order is not None and order.accepts(fetch):
            await self._copy(consumer, tp, order, fetch)
        consumer.backlog(tp).settle(fetch.size)
        event.ack()  # only the engine's own count is committed

    async def _begin(self, consumer: BatchConsumer, tp: TP) -> None:
        self._orders[tp] = FetchOrder(consumer, tp, await consumer.committed(tp))

    async def _copy(self, consumer: BatchConsumer, tp: TP, order: FetchOrder, fetch: Fetch) -> None:
        await copy(self._issuer, tp.partition, self._count, fetch.records)
        if self._orders.get(tp) is order:
            order.expected = consumer.processed[tp] = fetch.records[-1].offset + 1


async def copy(issuer: Issuer, partition: int, partitions: int, records: Sequence[Record]) -> None:
    """Every record is copied, or is in the dead letters, when this returns."""
    copies, letters = sort(partitions, records, int(time.time() * 1000))
    await issuer.producer.write(DEADLETTERS, partition, letters)
    await issuer.copy(partition, copies)


def sort(partitions: int, records: Sequence[Record], now_ms: int) -> tuple[list[controls.Event], list[Row]]:
    """(copies, dead letters) of records of `human.resolutions.v1`, in their order. Raises FoldError."""
    copies: list[controls.Event] = []
    letters: list[Row] = []
    for record in records:
        try:
            copies.append(_copy_of(record, partitions))
        except SchemaError as error:
            letter = deadletters.letter(record, deadletters.unread(record, str(error)), now_ms)
            letters.append(Row(letter.key, letter.value, letter.headers))
        except Exception as error:
            raise fold_error(record, error) from error
    return copies, letters


def _copy_of(record: Record, partitions: int) -> controls.Event:
    raw = decode_resolution(record.value).raw
    subject = raw["subject"]
    if record.key is None or record.key != subject.encode():
        raise SchemaError(f"key: must be the subject {subject!r}: set the Kafka key to the conversation id")
    if (right := partition_of(record.key, partitions)) != record.partition:
        raise SchemaError(
            f"partition: {subject!r} belongs to partition {right}, came in {record.partition}: "
            "partition by Kafka's murmur2 (librdkafka: partitioner=murmur2_random)"
        )
    return controls.resolution(raw, record.timestamp_ms)
