"""An agent that pauses its partition for a moment, as one does whose service asks it to wait."""

import asyncio
from typing import Any

from faust.types import TP

from tests.traps.stock.application import TOPIC, application, say

app = application("trap")
PARTITION = TP(TOPIC, 0)
events = app.topic(TOPIC, value_serializer="raw")


@app.agent(events)  # type: ignore[untyped-decorator]
async def govern(stream: Any) -> None:
    async for event in stream.events():
        say("processed", event.message.offset)
        if event.value == b"wait":
            app.consumer.pause_partitions({PARTITION})
            await asyncio.sleep(0.5)
            app.consumer.resume_partitions({PARTITION})
            say("resumed")


if __name__ == "__main__":
    app.main()
