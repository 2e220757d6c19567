"""An agent that raises on one record. HOW=for|take, BROKEN=1|0."""

import os
from typing import Any

from tests.traps.stock.application import TOPIC, application, say

BROKEN = os.environ["BROKEN"] == "1"
app = application("trap")
events = app.topic(TOPIC, value_serializer="raw")


def process(value: bytes) -> None:
    if BROKEN and value == b"odd":
        raise ZeroDivisionError(value)
    say("processed", value.decode())


async def one_by_one(stream: Any) -> None:
    async for value in stream:
        process(value)


async def batch_by_batch(stream: Any) -> None:
    async for values in stream.take(10, within=0.5):
        for value in values:
            process(value)


app.agent(events)({"for": one_by_one, "take": batch_by_batch}[os.environ["HOW"]])

if __name__ == "__main__":
    app.main()
