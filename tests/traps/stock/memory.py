"""A table in the memory store: what a worker is assigned, and what its store holds, whenever either changes."""

import os
from typing import Any

from tests.traps.stock.application import TOPIC, application, say

PARTITIONS = 2
app = application("trap", topic_partitions=PARTITIONS, table_standby_replicas=int(os.environ["STANDBYS"]))
events = app.topic(TOPIC, value_serializer="raw", key_serializer="raw")
states = app.Table("states", partitions=PARTITIONS)
last: list[Any] = []


@app.agent(events)  # type: ignore[untyped-decorator]
async def keep(stream: Any) -> None:
    async for event in stream.events():
        states[event.value.decode()] = event.message.offset


@app.timer(0.2)  # type: ignore[untyped-decorator]
async def look() -> None:
    mine = sorted(tp.partition for tp in app.assignor.assigned_actives() if tp.topic == TOPIC)
    now = [mine, dict(sorted(states.data.data.items()))]
    if [now] != last and not app.in_recovery:
        last[:] = [now]
        say("holds", now)


if __name__ == "__main__":
    app.main()
