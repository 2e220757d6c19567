"""An agent that counts in a table. COMMIT_S seconds between commits, COUNTED partitions."""

import os
from typing import Any

from tests.traps.stock.application import TOPIC, application, say

PARTITIONS = int(os.environ.get("COUNTED", "1"))
app = application("trap", broker_commit_interval=float(os.environ["COMMIT_S"]), topic_partitions=PARTITIONS)
events = app.topic(TOPIC, value_serializer="raw", key_serializer="raw")
counts = app.Table("counts", default=int, partitions=PARTITIONS)


@app.agent(events)  # type: ignore[untyped-decorator]
async def count(stream: Any) -> None:
    async for event in stream.events():
        counts["all"] += 1
        say("counted", [event.message.partition, event.message.offset, counts["all"]])


if __name__ == "__main__":
    app.main()
