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
started, cpu, seen = 0.0, 0.0, 0


@app.agent(events)
async def govern(stream: faust.StreamT) -> None:
    global started, cpu, seen
    async for key, event in stream.items():
        if not seen:
            started, cpu = time.perf_counter(), time.process_time()
        states[event["subject"]] += 1
        verdict = "block" if event["data"]["arguments"]["refund_amount_usd"] > 500 else "allow"
        await decisions.send(key=key, value={"subject": event["subject"], "verdict": verdict})
        seen += 1
        if seen >= COUNT:
            spent, used = time.perf_counter() - started, time.process_time() - cpu
            print(f"{seen / spent:.0f} events/s, {used / seen * 1e6:.1f} us CPU each", flush=True)
            os._exit(0)


if __name__ == "__main__":
    app.main()
