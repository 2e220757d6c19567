"""Stock Faust: an agent with a table for its states and `topic.send` for its decisions, record by record.

BROKER=127.0.0.1:9092 N=10000 python benchmarks/peers/stock_faust.py worker -l warn --without-web
"""

import os
import tempfile
import time

import faust

COUNT = int(os.environ["N"])
app = faust.App(
    "stock",
    broker=f"kafka://{os.environ['BROKER']}",
    store="memory://",
    datadir=tempfile.mkdtemp(),
    topic_partitions=4,
    topic_replication_factor=1,
    broker_session_timeout=6,
    broker_heartbeat_interval=2,
    consumer_auto_offset_reset="earliest",
    producer_acks=-1,
)
events = app.topic("t1", value_serializer="json", key_type=bytes)
decisions = app.topic("o1", value_serializer="json", key_type=bytes)
states = app.Table("stock-states", default=int, partitions=4)
started, seen = 0.0, 0


@app.agent(events)
async def govern(stream: faust.StreamT) -> None:
    global started, seen
    async for key, event in stream.items():
        if not seen:
            started = time.perf_counter()
        states[event["subject"]] += 1
        verdict = "block" if event["data"]["arguments"]["refund_amount_usd"] > 500 else "allow"
        await decisions.send(key=key, value={"subject": event["subject"], "verdict": verdict})
        seen += 1
        if seen >= COUNT:
            print(f"{seen / (time.perf_counter() - started):.0f} events/s", flush=True)
            os._exit(0)


if __name__ == "__main__":
    app.main()
