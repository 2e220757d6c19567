"""Filters, plain words, news of an open page."""

import asyncio
from typing import Any

import pytest

from handrail.desk.handoff_view import HandoffView
from handrail.desk.web import plain
from handrail.desk.web.notifier import News, Notifier, events
from handrail.desk.web.presence import Presence
from handrail.desk.web.queue_page import Filters
from handrail.policies.operators import OPERATORS
from handrail.schemas.fields import By
from tests.unit.desk.handoff_log import Log, sample


def open_ones() -> list[HandoffView]:
    log = Log()
    log.handoff("hf-1", queue="fraud", priority="urgent", customer={"ref": "Cust-9"})
    log.handoff("hf-2", queue="refunds", priority="low")
    log.handoff("hf-3", queue="refunds", priority="urgent", kind="route", pending=None, approvals=None)
    claim = sample("handoff.claimed", handoff_id="hf-2", conversation_id="conv-8841", by={"id": "ana"})
    log.append({**claim, "subject": "conv-8841"})
    return log.index.open()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["hf-1", "hf-3", "hf-2"]),
        ({"queue": "refunds"}, ["hf-3", "hf-2"]),
        ({"queue": "refunds", "priority": "urgent"}, ["hf-3"]),
        ({"kind": "approval"}, ["hf-1", "hf-2"]),
        ({"whose": "mine"}, ["hf-2"]),
        ({"whose": "unclaimed"}, ["hf-1", "hf-3"]),
        ({"text": "GRINDER  cust-9"}, ["hf-1"]),
        ({"text": "no such words"}, []),
        ({"colour": "red"}, ["hf-1", "hf-3", "hf-2"]),
    ],
)
def test_filters_let_through_what_was_asked_for(query: dict[str, str], names: list[str]) -> None:
    found = Filters.of(query).chosen(open_ones(), "ana")
    assert [view.id for view in found] == names


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "9" * 30, "²"])
def test_a_page_that_is_no_number_is_one_that_is_there(page: str) -> None:
    assert 1 <= Filters.of({"page": page}).page <= 1_000


def test_the_address_of_filters_gives_the_same_filters() -> None:
    filters = Filters.of({"text": "a&b=<c>", "queue": "refunds", "page": "3"})
    assert filters.address(3) == "/?queue=refunds&text=a%26b%3D%3Cc%3E&page=3"
    assert Filters().address() == "/"


def test_evidence_is_a_sentence() -> None:
    seen = {"field": "refund_amount_usd", "operator": "greater_than", "value": 450, "threshold": 400, "note": None}
    assert plain.evidence(seen) == ["refund_amount_usd is 450, above 400"]
    assert plain.evidence({"mode": "supervised", "count": 3}) == ["mode: supervised", "count: 3"]


@pytest.mark.parametrize("operator", [*OPERATORS, "exists"])
def test_every_operator_has_words(operator: str) -> None:
    evidence = {"field": "amount", "operator": operator, "value": 450, "threshold": [400, 500]}
    (sentence,) = plain.evidence(evidence)
    assert sentence.startswith("amount is ")
    assert "450" in sentence


@pytest.mark.parametrize(
    ("operator", "value", "threshold", "sentence"),
    [
        ("between", 450, [400, 500.5], "amount is 450, between 400 and 500.5"),
        ("matches", "a 1234", "[0-9]{4}", "amount is a 1234, which matches [0-9]{4}"),
        ("exists", 450, True, "amount is there: 450"),
        ("exists", None, False, "amount is missing"),
    ],
)
def test_sentences_that_are_not_as_the_others(operator: str, value: Any, threshold: Any, sentence: str) -> None:
    evidence = {"field": "amount", "operator": operator, "value": value, "threshold": threshold}
    assert plain.evidence(evidence) == [sentence]


def test_a_time_is_a_time_and_anything_else_is_text() -> None:
    assert plain.clock("2026-11-26T08:34:12.407Z") == "2026-11-26 08:34:12 UTC"
    assert plain.clock("\u202e<b>Z") == "\\u202e<b>Z"
    assert plain.clock(None) == ""


def test_people_see_each_other_and_not_themselves() -> None:
    presence = Presence(Notifier())
    ana, ben = By(id="ana", name="Ana"), By(id="ben", name="Ben")
    with presence.at("hf-1", ana), presence.at("hf-1", ana), presence.at("hf-1", ben), presence.at("hf-2", ben):
        assert presence.others("hf-1", "ana") == ["Ben"]
        assert presence.others("hf-1", "ben") == ["Ana"]
        assert presence.others("hf-2", "ben") == []
    assert presence.others("hf-1", "ben") == []


async def test_a_stream_tells_all_at_first_and_then_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handrail.desk.web.notifier.GATHER_S", 0)
    changes, ended, news = Notifier(), asyncio.Event(), [News(1, 4, [], "")]
    stream = events(lambda: news[0], changes, ended)
    first = [await anext(stream) for _ in range(5)]
    assert first[1:] == [
        b"event: queue\ndata: 1\n\n",
        b"event: case\ndata: 4\n\n",
        b"event: others\ndata: []\n\n",
        b'event: away\ndata: ""\n\n',
    ]
    waiting: asyncio.Task[Any] = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    news[0] = News(1, 4, ["Ben\n\ndata: x"], "")
    changes.notify()
    assert await waiting == b'event: others\ndata: ["Ben\\n\\ndata: x"]\n\n'
    ended.set()
    changes.notify()
    assert [chunk async for chunk in stream] == []
