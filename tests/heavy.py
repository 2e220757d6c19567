"""A log of large events for tests: valid ones up to just below 1 MB, small ones between them, and some too large."""

import asyncio
from collections.abc import Iterator

import orjson
from aiokafka import AIOKafkaProducer

from handrail.schemas.strict_json import BYTES_MAX
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.reading import FETCH_BYTES

CONVERSATIONS = 400
ROUND = (BYTES_MAX - 1_000, 300_000, 300_000, *[20_000] * 5, *[100] * 32)
"""Bytes of the arguments of one round's proposals."""
LETTER_EACH = 20  # rounds; of 4 MB, which is more than is read
LETTER_BYTES = 4_000_000
TOGETHER = 200


def proposals(size: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of proposals, the same at each call, until there are `size` bytes."""
    number = 0
    while size > 0:
        rounds, place = divmod(number, len(ROUND))
        large = place == 0 and rounds % LETTER_EACH == LETTER_EACH - 1
        key, value = _proposal(number, LETTER_BYTES if large else ROUND[place])
        size -= len(value)
        number += 1
        yield key, value


def _proposal(number: int, size: int) -> tuple[bytes, bytes]:
    conversation = f"heavy-{number % CONVERSATIONS}"
    arguments = {"order_id": f"A-{number}", "amount": 20 + number % 30, "note": "x" * size}
    call = {"action_id": f"a{number}", "tool": "issue_refund", "arguments": arguments}
    event = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "/agents/heavy",
        "type": "handrail.action.proposed.v1",
        "subject": conversation,
        "time": "2026-11-23T10:15:02.412Z",
        "data": {"agent_id": "heavy", "conversation_id": conversation, **call},
    }
    return conversation.encode(), orjson.dumps(event)


async def publish(bootstrap: str, size: int) -> int:
    """So many bytes of proposals are on the log; how many records that are."""
    count = 0
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=FETCH_BYTES) as producer:
        sent = []
        for key, value in proposals(size):
            sent.append(await producer.send(AGENT_EVENTS, value, key=key))
            count += 1
            if len(sent) >= TOGETHER:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
    return count
