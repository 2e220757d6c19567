"""POST /in/NAME: acknowledged when Kafka has it, and only then."""

import time
from io import BytesIO
from pathlib import Path

import aiohttp
import orjson
import pytest

from handrail.broker import EmbeddedBroker
from handrail.broker.ports import free_port
from handrail.hooks import signatures
from handrail.schemas.topics import PARTITIONS, RESOLUTIONS
from handrail.streams.engine.topics import ensure_topics
from tests.hooks.processes import hooks, write
from tests.hooks.receiver import SECRET
from tests.topics import read

pytestmark = pytest.mark.kafka
SOURCE = """
sources:
  - name: desk
    verify: {kind: standard, secret_file: secret}
    delivery: /id
    rules:
      - record: resolution
        fields:
          handoff_id: /handoff
          conversation_id: /conversation
          outcome: {at: /verdict, map: {"yes": approved, "no": denied}}
          by.id: /who
          at: {at: /at, is: time}
"""
BODY = {"id": 7, "handoff": "hf-1", "conversation": "conv-1", "verdict": "yes", "who": "ann", "at": 1_800_000_000}


async def post(port: int, body: bytes, now_s: float | None = None) -> tuple[int, str | None]:
    """The status, and what `retry-after` says."""
    headers = signatures.headers([SECRET], "msg_1", int(time.time() if now_s is None else now_s), body)
    async with aiohttp.request(
        "POST", f"http://127.0.0.1:{port}/in/desk", data=BytesIO(body), headers=headers
    ) as response:
        await response.read()
        return response.status, response.headers.get("retry-after")


async def test_what_cannot_be_read_is_refused_and_what_is_too_long_too(embedded: str, tmp_path: Path) -> None:
    await ensure_topics(embedded)
    write(tmp_path, SOURCE)
    port = free_port()
    with hooks(embedded, tmp_path, "--listen", str(port)):
        good = orjson.dumps(BODY)
        assert await post(port, good) == (202, None)
        assert await post(port, good[:-5]) == (422, None)
        assert await post(port, orjson.dumps({**BODY, "verdict": "maybe"})) == (422, None)
        assert await post(port, good.replace(b'"who"', b'"who": "eve", "who"')) == (422, None)
        assert await post(port, b'{"a": "' + b"x" * 1_100_000 + b'"}') == (413, None)
        assert await post(port, good, now_s=1_000) == (401, None)
        (record,) = await read(embedded, RESOLUTIONS, PARTITIONS)
    event = orjson.loads(record.value)
    assert event["data"] == {
        "handoff_id": "hf-1",
        "conversation_id": "conv-1",
        "outcome": "approved",
        "by": {"id": "ann"},
        "at": "2027-01-15T08:00:00.000Z",
    }
    assert dict(record.headers) == {"content-type": b"application/cloudevents+json"}


async def test_without_kafka_the_sender_is_told_to_come_again(tmp_path: Path) -> None:
    write(tmp_path, SOURCE)
    port = free_port()
    broker = EmbeddedBroker()
    with broker:
        await ensure_topics(broker.bootstrap)
        with hooks(broker.bootstrap, tmp_path, "--listen", str(port)) as one:
            assert await post(port, orjson.dumps(BODY)) == (202, None)
            broker.stop()
            assert await post(port, orjson.dumps({**BODY, "id": 8})) == (503, "10")
            assert one.process.poll() is None
