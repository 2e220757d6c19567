"""A consumer without a group, for the length of a block: it moves nobody's offsets, and commits none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer

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
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, **settings)
    try:
        await consumer.start()
        yield consumer
    finally:
        # aiokafka 0.14 cancels whoever stops a consumer whose own task has not begun yet.
        await asyncio.sleep(0)
        await consumer.stop()
