"""A plain agent with a table, for workers that are stopped past their session and go on."""

from typing import Any

from tests.traps.stock.application import TOPIC, application, say

PARTITIONS = 2
app = application("trap", topic_partitions=PARTITIONS)
events = app.topic(TOPIC, value_serializer="raw", key_serializer="raw")
states = app.Table("states", partitions=PARTITIONS)


@app.agent(events)  # type: ignore[untyped-decorator]
async def keep(stream: Any) -> None:
    async for event in stream.events():
        states[event.value.decode()] = event.message.offset
        say("kept", event.value.decode())


@app.on_partitions_assigned.connect  # type: ignore[untyped-decorator]
async def assigned(sender: Any, assigned: Any, **_: Any) -> None:
    say("assigned", sorted(tp.partition for tp in assigned if tp.topic == TOPIC))


if __name__ == "__main__":
    app.main()
