"""How late the event loop of a process is, and what it takes of the machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Histogram, Info, ProcessCollector

EVERY_S = 0.25
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@asynccontextmanager
async def measured(registry: CollectorRegistry) -> AsyncIterator[None]:
    """The registry shows the process, and the loop's delay four times a second for the length of the block."""
    ProcessCollector(registry=registry)
    Info("handrail_build", "The version that runs", registry=registry).info({"version": version("handrail")})
    delay = Histogram(
        "handrail_event_loop_delay_seconds",
        "How much later than asked for the event loop came back to a waiting task",
        registry=registry,
        buckets=BUCKETS_S,
    )
    beat = asyncio.create_task(_beat(delay), name="event loop lag")
    try:
        yield
    finally:
        beat.cancel()


async def _beat(delay: Histogram) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY_S
        await asyncio.sleep(EVERY_S)
        delay.observe(max(0.0, loop.time() - due))
