"""An agent whose first slow record does not end, with CONCURRENCY instances beside each other. SLOW=1|0."""

import asyncio
import os
from typing import Any

from tests.traps.stock.application import TOPIC, application, say

app = application("trap")
events = app.topic(TOPIC, value_serializer="raw")


@app.agent(events, concurrency=int(os.environ["CONCURRENCY"]))  # type: ignore[untyped-decorator]
async def govern(stream: Any) -> None:
    async for value in stream:
        if value == b"slow" and os.environ["SLOW"] == "1":
            say("began", value.decode())
            await asyncio.Event().wait()
        say("processed", value.decode())


if __name__ == "__main__":
    app.main()
