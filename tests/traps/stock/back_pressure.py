"""An agent behind a buffer of BUFFER records; each record holds when it was sent, seconds since 1970."""

import os
import time
from typing import Any

from tests.traps.stock.application import TOPIC, application, say

app = application("trap", stream_buffer_maxsize=int(os.environ["BUFFER"]))
events = app.topic(TOPIC, value_serializer="raw")


@app.agent(events)  # type: ignore[untyped-decorator]
async def govern(stream: Any) -> None:
    async for value in stream:
        say("waited_s", time.time() - float(value))


if __name__ == "__main__":
    app.main()
