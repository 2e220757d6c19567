"""Each event goes to the log once, whoever asks how often; what is not acknowledged is not said to be."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from handrail.desk.web import sending
from handrail.desk.web.audit import Audit
from handrail.desk.web.sending import NotRecorded, Sender
from handrail.schemas.fields import By
from handrail.streams.engine.producer import Row


class Kafka:
    """A producer that acknowledges when it may."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.may, self.fails = asyncio.Event(), 0
        self.may.set()

    async def partitions(self, topic: str) -> int:
        return 4

    async def write(self, topic: str, partition: int, rows: Iterable[Row]) -> list[Any]:
        self.rows += rows
        if self.fails:
            self.fails -= 1
            raise KafkaTimeoutError
        await self.may.wait()
        return []


def event(name: str = "e1", note: str = "") -> dict[str, Any]:
    return {"id": name, "subject": "conv-1", "data": {"note": note}}


async def test_sent_many_times_at_once_it_goes_out_once() -> None:
    kafka = Kafka()
    sender = Sender(kafka)  # type: ignore[arg-type]
    await asyncio.gather(*(sender.send("t", event()) for _ in range(10)))
    await sender.send("t", event())
    assert len(kafka.rows) == 1
    assert sender.recorded("e1")


async def test_what_is_not_acknowledged_is_told_and_goes_on_as_the_same_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ACKNOWLEDGED_S_MAX", 0.01)
    kafka = Kafka()
    kafka.may.clear()
    sender = Sender(kafka)  # type: ignore[arg-type]
    with pytest.raises(NotRecorded):
        await sender.send("t", event(note="first"), ("hf-1", "ana"))
    assert not sender.recorded("e1")
    assert sender.owner("e1") == ("hf-1", "ana")
    monkeypatch.setattr(sending, "ACKNOWLEDGED_S_MAX", 5)
    kafka.may.set()
    await sender.again("e1")
    assert len(kafka.rows) == 1


async def test_what_failed_is_sent_again_as_it_was_first() -> None:
    kafka = Kafka()
    kafka.fails = 1
    sender = Sender(kafka)  # type: ignore[arg-type]
    with pytest.raises(NotRecorded):
        await sender.send("t", event(note="first"))
    await sender.send("t", event(note="other words"))
    assert len(kafka.rows) == 2
    assert kafka.rows[0].value == kafka.rows[1].value


async def test_no_more_wait_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ACKNOWLEDGED_S_MAX", 0.01)
    monkeypatch.setattr(sending, "WAITING_MAX", 2)
    kafka = Kafka()
    kafka.may.clear()
    sender = Sender(kafka)  # type: ignore[arg-type]
    for number in range(4):
        with pytest.raises(NotRecorded):
            await sender.send("t", event(f"e{number}"))
    assert len(kafka.rows) == 2
    await sender.close()


async def test_the_audit_waits_for_kafka_in_order_and_says_what_it_had_to_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handrail.desk.web.audit.WAITING_MAX", 3)
    monkeypatch.setattr("handrail.desk.web.audit.AGAIN_S", 0.001)
    kafka = Kafka()
    kafka.fails = 2
    audit = Audit(Sender(kafka), None)  # type: ignore[arg-type]
    for number in range(5):
        audit.queue(f"view{number}", by=By(id="ana"), handoff_id="hf-1", conversation_id="conv-1", why="x" * 1_000)
    running = asyncio.create_task(audit.run())
    assert await audit.drain(5.0) == 0
    running.cancel()
    told = [sending.orjson.loads(row.value or b"") for row in kafka.rows[2:]]
    assert [one["data"]["action"] for one in told] == ["view2", "view3", "view4"]
    assert sum(one["data"]["lost"] for one in told) == 2
    assert told[0]["subject"] == "conv-1"
    assert len(told[0]["data"]["detail"]["why"]) == 200


async def test_the_audit_takes_whatever_was_typed_for_a_user() -> None:
    kafka = Kafka()
    audit = Audit(Sender(kafka), None)  # type: ignore[arg-type]
    audit.queue_login("login.failed", "a\x00b\n" + "c" * 1_000, {"client": "127.0.0.1"})
    audit.queue_login("login.failed", "", {})
    running = asyncio.create_task(audit.run())
    assert await audit.drain(5.0) == 0
    running.cancel()
    first, second = (sending.orjson.loads(row.value or b"")["data"] for row in kafka.rows)
    assert (first["outcome"], len(first["by"]["id"]), "by" in second) == ("refused", 256, False)
