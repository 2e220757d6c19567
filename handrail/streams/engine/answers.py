"""The partitions of `human.resolutions.v1` that this worker owns: each answer is copied, whatever a rebalance drops."""

import asyncio
from collections.abc import Iterable
from typing import Any

from faust.types import TP

from handrail.schemas.topics import RESOLUTIONS
from handrail.streams.engine import resolutions
from handrail.streams.engine.consumer import BatchConsumer
from handrail.streams.engine.fatal import die_of
from handrail.streams.engine.fetch import Fetch
from handrail.streams.engine.issuer import Issuer
from handrail.streams.engine.order import FetchOrder


class Answers:
    """Faust reads on behind what it fetched and dropped in a rebalance; so each partition is read from its commit."""

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
        """What is fetched of these is for somebody else to copy."""
        for tp in revoked:
            self._orders.pop(tp, None)
            if (beginning := self._beginnings.pop(tp, None)) is not None:
                beginning.cancel()

    async def take(self, consumer: BatchConsumer, event: Any) -> None:
        """Copy the records of an event with a Fetch, or give it back where something has to be read before it."""
        tp, fetch = event.message.tp, event.value
        order = self._orders.get(tp)
        if order is not None and order.accepts(fetch):
            await self._copy(consumer, tp, order, fetch)
        consumer.backlog(tp).settle(fetch.size)
        event.ack()  # only the engine's own count is committed

    async def _begin(self, consumer: BatchConsumer, tp: TP) -> None:
        self._orders[tp] = FetchOrder(consumer, tp, await consumer.committed(tp))

    async def _copy(self, consumer: BatchConsumer, tp: TP, order: FetchOrder, fetch: Fetch) -> None:
        await resolutions.copy(self._issuer, tp.partition, self._count, fetch.records)
        if self._orders.get(tp) is order:
            order.expected = consumer.processed[tp] = fetch.records[-1].offset + 1
