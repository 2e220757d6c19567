"""Bounds in bytes on the way through a worker: large events and large answers are few at a time."""

from types import SimpleNamespace
from typing import Any

import pytest

from handrail.schemas.topics import DECISIONS
from handrail.streams.engine import pipeline
from handrail.streams.engine.fetch import RECORD_BYTES, Fetch
from tests.crash.simulation.cluster import Cluster
from tests.crash.simulation.schedule import schedule
from tests.crash.simulation.worker import Worker, in_memory


def fetch(*sizes: int) -> Fetch:
    records: list[Any] = [
        SimpleNamespace(topic="t", partition=0, offset=n, timestamp=0, key=b"", value=bytes(size), headers=())
        for n, size in enumerate(sizes)
    ]
    return Fetch.of(records, 0)


def test_a_part_ends_with_the_record_that_reaches_the_bytes() -> None:
    records, size = fetch(10, 700, 10, 10).part(0, 200, 1_000)
    assert ([len(record.value) for record in records], size) == ([10, 700], 2 * RECORD_BYTES + 710)


def test_a_part_has_one_record_however_large() -> None:
    records, _ = fetch(5_000_000, 10).part(0, 200, 1)
    assert len(records) == 1


def test_a_part_of_small_records_ends_with_their_number() -> None:
    records, _ = fetch(*[1] * 10).part(4, 3, 1_000_000)
    assert len(records) == 3


def in_flight_at_most(monkeypatch: pytest.MonkeyPatch, bytes_max: int) -> int:
    """Batches of decisions under way when the broker acknowledges nothing and each record is a chunk of its own."""
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", 1)
    monkeypatch.setattr(pipeline, "IN_FLIGHT_BYTES_MAX", bytes_max)
    monkeypatch.setattr(pipeline, "IN_FLIGHT_MAX", 100)
    with in_memory():
        log = schedule(3).records
        worker = Worker(Cluster(), log, eager=False)
        worker.fetch(len(log))
        return sum(len(batch.rows) for batch in worker.producer.sent.get(DECISIONS, ()))


def test_what_chunks_in_flight_were_folded_to_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_flight_at_most(monkeypatch, 1) <= 1 < in_flight_at_most(monkeypatch, 100_000_000)
