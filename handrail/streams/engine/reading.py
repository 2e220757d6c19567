"""A consumer without a group, for the length of a block: it moves nobody's offsets, and commits none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer

from handrail.kafka import aiokafka_patches

# The embedded broker answers a fetch only when it has waited for so long; at the end there is nothing to wait for.
FETCH_WAIT_MS = 20
FETCH_BYTES = 9_500_000  # a record of 8 MB must come through


@asynccontextmanager
async def reading(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer without partitions; `assign` and `seek` are the caller's. Raises what aiokafka raises."""
    settings = {
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": FETCH_BYTES,
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        **options,
    }
    aiokafka_patches.install()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, **settings)
    try:
        await consumer.start()
        yield consumer
    finally:
        await stop(consumer)


async def stop(consumer: AIOKafkaConsumer) -> None:
    """The consumer has stopped. Raises what went wrong with that.

    aiokafka 0.14 cancels whoever stops a consumer whose own task has not begun yet, or whose fetch is under way to a
    broker that is gone; a task of its own takes that, so that nobody else ends without having said why.
    """
    await asyncio.sleep(0)
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await consumer._client.close()
    else:
        stopping.result()
