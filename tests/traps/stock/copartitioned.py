"""Two topics whose records of one key belong together: which partitions this worker has."""

import os
from typing import Any

from tests.traps.stock.application import application, say

app = application("trap")
both = ("orders", "refunds")
orders, refunds = (app.topic(name, value_serializer="raw") for name in both)
last: list[Any] = []


@app.agent(orders)  # type: ignore[untyped-decorator]
async def order(stream: Any) -> None:
    async for _ in stream:
        pass


@app.agent(refunds)  # type: ignore[untyped-decorator]
async def refund(stream: Any) -> None:
    async for _ in stream:
        pass


@app.timer(0.2)  # type: ignore[untyped-decorator]
async def look() -> None:
    mine = {name: sorted(tp.partition for tp in app.assignor.assigned_actives() if tp.topic == name) for name in both}
    if [mine] != last and any(mine.values()):
        last[:] = [mine]
        say("assigned", [os.getpid(), mine])


if __name__ == "__main__":
    app.main()
