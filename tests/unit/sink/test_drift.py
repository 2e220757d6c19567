"""Days are judged once they are over, and alerts leave once, whatever happens in between."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from msgspec.structs import replace

from handrail.demo import history
from handrail.demo.history import AGENT, Entry
from handrail.demo.simulation import Conversation, conversations
from handrail.schemas.clock import to_ms
from handrail.schemas.decode import decode_output
from handrail.schemas.errors import SinkError
from handrail.schemas.topics import AGENT_EVENTS, RESOLUTIONS
from handrail.streams.sink import drift
from handrail.streams.sink.drift import DriftWatch, over
from handrail.streams.sink.stage import stage
from handrail.streams.sink.store import Store
from tests.book import Book, rows
from tests.databases import open_store

NOW_MS = to_ms("2026-06-01T12:00:00Z")
FIRST = history.first_day(NOW_MS)
NOBODY: frozenset[int] = frozenset()
Batch = dict[TopicPartition, list[Any]]


class Sent(list[tuple[str, str]]):
    """In place of the broker. `fails`: what it answers next; `loses`: it takes the alerts, and then the power goes."""

    fails: BaseException | None = None
    loses = False

    async def __call__(self, bootstrap: str, alerts: list[tuple[str, str]]) -> None:
        if self.fails is not None:
            raise self.fails
        self.extend(alerts)
        if self.loses:
            raise KeyboardInterrupt


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    found = Sent()
    monkeypatch.setattr(drift, "send", found)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = open_store(tmp_path / "handrail.duckdb")
    yield found
    found.close()


@cache
def simulated() -> list[list[Entry]]:
    """The twelve weeks, day by day."""
    return list(history.days(NOW_MS))


def season(days: int = 84, first: int = 0) -> Book:
    """Some of the twelve simulated weeks, with the decisions that a worker would have made."""
    book = Book()
    for entries in simulated()[first:days]:
        for entry in entries:
            book.now_ms = entry.at_ms
            record = book.raw(entry.topic, orjson.dumps(entry.event), entry.event["subject"].encode())
            if entry.event["type"] == "handrail.query.received.v1":
                book.decision(record, "route", intent="x", agent_id=AGENT)
    return book


def write(store: Store, book: Book) -> Batch:
    store.write("mine", [stage(record, headers) for record, headers in book.records], book.ends)
    newest = max((record for record, _ in book.records), key=lambda record: record.timestamp_ms)

    class Last:
        timestamp = newest.timestamp_ms

    return {TopicPartition(newest.topic, newest.partition): [Last]}


def watch(store: Store) -> DriftWatch:
    return DriftWatch(store, "mine", "nowhere:1", reader=None)  # type: ignore[arg-type]


def asked(store: Store, sql: str) -> list[dict[str, Any]]:
    with store.cursor() as cursor:
        return rows(cursor, sql)


async def test_the_scissors_alarm_leaves_once_and_says_what_and_whom(store: Store, sent: Sent) -> None:
    await watch(store).look(write(store, season()), NOBODY)
    told = {orjson.loads(record)["data"]["kind"]: (subject, record) for subject, record in sent}
    subject, record = told["divergence"]
    data = decode_output(record.encode()).raw["data"]
    assert (subject, data["about"]["agent_id"]) == (AGENT, AGENT)
    assert data["to"] == f"{FIRST + timedelta(days=55)}T00:00:00.000Z"
    assert data["from"] == f"{FIRST + timedelta(days=28)}T00:00:00.000Z"
    assert len(data["examples"]) == 5
    shown = asked(store, f"SELECT csat FROM conversations WHERE conversation_id IN {tuple(data['examples'])}")
    window = f"started_at >= '{data['from']}' AND started_at < '{data['to']}' AND handled_by <> 'human'"
    worst = asked(store, f"SELECT csat FROM conversations WHERE {window} ORDER BY csat LIMIT 5")
    assert sorted(row["csat"] for row in shown) == [row["csat"] for row in worst]
    assert [row["judged_to"] for row in asked(store, "FROM drift_progress")] == [FIRST + timedelta(days=83)]
    assert asked(store, "FROM alerts_unsent") == []


async def test_however_the_log_is_cut_the_alerts_are_the_same(store: Store, sent: Sent, tmp_path: Path) -> None:
    await watch(store).look(write(store, season()), NOBODY)
    at_once = sorted(sent)
    sent.clear()
    other = open_store(tmp_path / "other" / "handrail.duckdb")
    for first in range(0, 84, 12):
        part = season(first + 12, first)
        for record, _ in part.records:  # Book counts from 0 each time
            assert record.offset >= 0
        shifted = renumbered(part, 10_000 * first)
        await watch(other).look(write(other, shifted), NOBODY)  # a new process each time
    other.close()
    assert sorted(sent) == at_once


def renumbered(book: Book, by: int) -> Book:

    found = Book()
    for record, headers in book.records:
        value = orjson.loads(record.value or b"")
        if "position" in value["data"]:
            value["data"]["position"]["offset"] += by
            value["data"]["decision_id"] = f"{value['data']['position']['offset']:064x}"
        moved = replace(record, offset=record.offset + by, value=orjson.dumps(value))
        found.records.append((moved, headers))
        found.ends[record.topic, record.partition] = moved.offset + 1
    return found


async def test_after_a_crash_in_between_the_same_bytes_leave_again(store: Store, sent: Sent) -> None:
    sent.loses = True
    batch = write(store, season())
    with pytest.raises(KeyboardInterrupt):
        await watch(store).look(batch, NOBODY)
    before = list(sent)
    sent.clear()
    sent.loses = False
    again = watch(store)
    await again.look({}, NOBODY)
    assert sent == before
    await again.look(batch, NOBODY)
    assert sent == before


async def test_a_broker_that_is_away_gets_them_when_it_is_back(store: Store, sent: Sent) -> None:
    sent.fails = KafkaConnectionError("away")
    one = watch(store)
    await one.look(write(store, season()), NOBODY)
    assert sent == []
    sent.fails = None
    await one.look({}, NOBODY)
    assert len(sent) > 0


async def test_a_broker_that_refuses_stops_the_sink_in_one_line(store: Store, sent: Sent) -> None:
    sent.fails = TopicAuthorizationFailedError("no")
    with pytest.raises(SinkError, match=r"may this client write governance\.alerts\.v1"):
        await watch(store).look(write(store, season()), NOBODY)


async def test_nothing_is_asked_of_the_database_while_a_day_goes_on(store: Store, sent: Sent) -> None:
    one = watch(store)
    await one.look(write(store, season(3)), NOBODY)

    def unasked() -> Any:
        raise AssertionError("the database was asked")

    store.cursor = unasked  # type: ignore[method-assign]
    await one.look({}, NOBODY)
    await one.look(write(store, Book()) if False else {}, NOBODY)


def clocks(store: Store, behind: frozenset[int] = NOBODY, since: date | None = None) -> date | None:
    with store.cursor() as cursor:
        return over(cursor, "mine", since, behind)


def test_a_day_is_over_an_hour_after_midnight(store: Store) -> None:
    book = Book().at("2026-03-02 09:00")
    book.decision(book.event("c-1", "query.received", text="?"), "route")
    book.at("2026-03-03 00:59").event("c-1", "execution.ended", outcome="resolved")
    write(store, book)
    assert clocks(store) == date(2026, 3, 2)
    book.at("2026-03-03 01:00").event("c-1", "feedback.received", csat=5)
    book.records = book.records[-1:]
    write(store, book)
    assert clocks(store) == date(2026, 3, 3)
    assert clocks(store, since=date(2026, 3, 3)) == date(2026, 3, 3)


def test_a_day_waits_for_the_governor(store: Store) -> None:
    book = Book().at("2026-03-02 09:00")
    book.decision(book.event("c-1", "query.received", text="?"), "route")
    waiting = book.at("2026-03-02 10:00").event("c-2", "query.received", text="?")
    book.at("2026-03-05 09:00").event("c-1", "execution.ended", outcome="resolved")
    write(store, book)
    assert clocks(store) == date(2026, 3, 2)
    book.records = []
    book.refused(waiting)
    write(store, book)
    assert clocks(store) == date(2026, 3, 5)


def test_a_day_waits_for_partitions_that_are_not_read_so_far(store: Store) -> None:
    book = Book().at("2026-03-02 09:00")
    book.event("c-1", "execution.ended", outcome="resolved")
    book.at("2026-03-05 09:00").event("c-1", "feedback.received", csat=5)
    write(store, book)
    assert clocks(store, frozenset({0})) == date(2026, 3, 5)
    assert clocks(store, frozenset({0, 1})) is None


def test_controls_do_not_move_the_clock(store: Store) -> None:
    book = Book().at("2026-03-02 09:00")
    book.event("c-1", "execution.ended", outcome="resolved")
    book.at("2026-03-09 09:00").cloudevent(AGENT_EVENTS, "control.tick", "control", {})
    write(store, book)
    assert clocks(store) == date(2026, 3, 2)


def test_the_simulation_says_so_in_every_record() -> None:
    entries = [entry for day in history.days(NOW_MS) for entry in day]
    assert {entry.event["source"] for entry in entries} == {"/simulation/twelve-weeks"}
    assert {entry.topic for entry in entries} == {AGENT_EVENTS, RESOLUTIONS}
    assert [entry.at_ms for entry in entries] == sorted(entry.at_ms for entry in entries)


def test_some_simulated_customers_come_back_within_days_about_the_same_thing() -> None:
    talks = list(conversations())
    seen: dict[str, list[Conversation]] = {}
    for talk, customer in zip(talks, history.customers(talks), strict=True):
        seen.setdefault(customer, []).append(talk)
    gaps = [later.day - one.day for found in seen.values() for one, later in pairwise(found)]
    assert len(gaps) == pytest.approx(history.RETURNING * len(talks), rel=0.15)
    assert max(gaps) <= history.RETURN_DAYS_MAX
    assert all(len({talk.intent for talk in found}) == 1 for found in seen.values())
