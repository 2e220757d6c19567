"""Broken code stops the fold at its record and names it; once mended, the fold goes on as if nothing had been."""

import pickle
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from handrail.schemas.errors import FoldError
from handrail.schemas.record import Record
from handrail.streams.governor import batch, timers
from handrail.streams.governor.events import HANDLERS
from handrail.streams.governor.partition import PartitionFold
from tests.broken import failing
from tests.bundles import refunds
from tests.crash.load import traffic
from tests.log import Log

BUNDLE = refunds()
PROPOSED = "handrail.action.proposed.v1"


def new_fold() -> PartitionFold:
    return PartitionFold(0, None, {BUNDLE.ruleset: BUNDLE}, BUNDLE.ruleset)


@pytest.fixture
def log() -> Log:
    log = Log("conv-odd")
    log.query("Where is my parcel?")
    log.proposes("refund", amount=300)
    log.proposes("get_order", event_id="odd", order_id="#1")
    log.answers("It comes on Monday.")
    return log


def broken(patch: pytest.MonkeyPatch, event_id: str) -> None:
    for event_type, handler in HANDLERS.items():
        patch.setitem(HANDLERS, event_type, failing(handler, event_id))


def test_the_line_names_the_place_the_event_and_the_commands(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, "odd")
    with pytest.raises(FoldError) as raised:
        new_fold().fold(log.records)
    raised.value.get = ("--bootstrap", "kafka-1:9092")
    assert str(raised.value) == (
        "agent.events.v1[0] offset 2: event 'odd' of '/agents/refunds', conversation 'conv-odd': "
        "ZeroDivisionError: the mean of nothing: broken code, not bad data: mend it; to replay just this: "
        "handrail export conv-odd --bundle as-decided --bootstrap kafka-1:9092 > c.jsonl && "
        "handrail replay c.jsonl --policies as-decided"
    )
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def cut(records: list[Record], size: int) -> Iterator[list[Record]]:
    for at in range(0, len(records), size):
        yield records[at : at + size]


@pytest.mark.parametrize("size", [1, 7, 50])
def test_once_mended_the_fold_goes_on_at_that_record(size: int) -> None:
    events = list(traffic(20261126, 9, 30))
    records = [
        Record(event.topic, 0, at, event.timestamp_ms, event.key, event.value) for at, event in enumerate(events)
    ]
    odd = next(record for record in records[len(records) // 2 :] if b"issue_refund" in (record.value or b""))
    unbroken, repaired = new_fold(), new_fold()
    expected = [output for chunk in cut(records, size) for output in unbroken.fold(chunk).outputs]
    got, stops = [], 0
    for chunk in cut(records, size):
        with pytest.MonkeyPatch.context() as patch:
            broken(patch, event_of(odd))
            try:
                got += repaired.fold(chunk).outputs
                continue
            except FoldError as error:
                stops, at = stops + 1, error.offset
            got += repaired.fold([record for record in chunk if record.offset < at]).outputs
        got += repaired.fold([record for record in chunk if record.offset >= at]).outputs
    assert stops == 1
    assert got == expected
    assert repaired.position == unbroken.position


def event_of(record: Record) -> str:
    return str(orjson.loads(record.value or b"")["id"])


def test_a_deadline_that_cannot_be_settled_names_its_own_conversation(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.wait(3 * 86_400).event("query.received", conversation="conv-2", id="late", text="And mine?")

    def failing_settle(*_: Any) -> None:
        raise KeyError("handoff")

    monkeypatch.setattr(timers, "settle", failing_settle)
    with pytest.raises(FoldError) as raised:
        new_fold().fold(log.records)
    place = "event 'late' of '/agents/refunds', conversation 'conv-odd', whose time came with one of 'conv-2'"
    assert place in raised.value.place
    assert raised.value.commands[0].startswith("handrail export conv-odd ")


@pytest.mark.parametrize("key", [None, b"\xff\x00", b"control"])
def test_where_no_conversation_can_be_named_all_are_replayed(
    key: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_decode(_: bytes | None) -> None:
        raise RecursionError("too\ndeep")

    monkeypatch.setattr(batch, "decode", failing_decode)
    log = Log()
    log.raw(key, b"\x1b[2J")
    with pytest.raises(FoldError) as raised:
        new_fold().fold(log.records)
    assert raised.value.commands[0].startswith("handrail export --all ")
    assert str(raised.value).isprintable()


def test_too_little_memory_is_not_the_record_s_fault(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(_: Any) -> None:
        raise MemoryError

    monkeypatch.setitem(HANDLERS, PROPOSED, HANDLERS[PROPOSED]._replace(fold=exhausted))
    with pytest.raises(MemoryError):
        new_fold().fold(log.records)
