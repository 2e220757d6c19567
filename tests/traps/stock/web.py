"""A table with a customer's words in it, and Faust's web server, which is on unless one says otherwise."""

from typing import Any

from tests.traps.stock.application import TOPIC, application, say

app = application("trap")
events = app.topic(TOPIC, value_serializer="raw", key_serializer="raw")
said = app.Table("said", partitions=1)


@app.agent(events)  # type: ignore[untyped-decorator]
async def keep(stream: Any) -> None:
    async for event in stream.events():
        said["conv-1"] = event.value.decode()
        say("kept")


if __name__ == "__main__":
    app.main()
