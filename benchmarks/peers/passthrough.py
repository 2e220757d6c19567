"""Bare Kafka: records from one topic to another, in produce batches, all acknowledged. No JSON, no state, no policy."""

import asyncio
import os
import sys
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def main(bootstrap: str, source: str, target: str, count: int) -> None:
    consumer = AIOKafkaConsumer(source, bootstrap_servers=bootstrap, group_id="bare", auto_offset_reset="earliest")
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=1 << 20)
    await consumer.start()
    await producer.start()
    count_read, started = 0, 0.0
    while count_read < count:
        for tp, records in (await consumer.getmany(timeout_ms=1000, max_records=4000)).items():
            if not count_read:
                started = time.perf_counter()
            batch = producer.create_batch()
            for record in records:
                batch.append(key=record.key, value=record.value, timestamp=None)
            batch.close()
            await (await producer.send_batch(batch, target, partition=tp.partition))
            count_read += len(records)
    print(f"{count_read / (time.perf_counter() - started):.0f} events/s", flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
