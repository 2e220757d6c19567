"""What one part of the engine writes after another comes in that order, however many batches it takes."""

import asyncio

import pytest

from handrail.schemas.topics import DEADLETTERS
from handrail.streams.engine.producer import BATCH_BYTES, Producer, Row
from handrail.streams.engine.topics import ensure_topics
from tests.topics import read

pytestmark = pytest.mark.kafka


async def test_a_write_of_many_batches_is_not_overtaken(broker: str) -> None:
    await ensure_topics(broker)
    large = [Row(b"0", b"small"), *[Row(b"0", b"x" * (BATCH_BYTES - 1_000))] * 4]
    async with Producer(broker) as producer:
        writes = [asyncio.create_task(producer.write(DEADLETTERS, 0, large))]
        for number in (b"1", b"2", b"3"):
            await producer.write(
                DEADLETTERS, 1, [Row(number, b"elsewhere")]
            )  # meanwhile the large ones are on their way
            writes.append(asyncio.create_task(producer.write(DEADLETTERS, 0, [Row(number, b"small")])))
        await asyncio.gather(*writes)
    assert [record.key for record in await read(broker, DEADLETTERS, 1)] == [*[b"0"] * 5, b"1", b"2", b"3"]
