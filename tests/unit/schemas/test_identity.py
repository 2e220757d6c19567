"""Ids of people, agents and tenants: how they are compared, and which are none."""

from unicodedata import normalize

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError
from handrail.schemas.identity import among, identity, mistake_in, same, twice


@given(st.text(max_size=40))
def test_folding_once_is_folding_twice_and_every_normal_form_folds_to_the_same(text: str) -> None:
    assert identity(identity(text)) == identity(text)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert same(normalize(form, text), text)
    assert same(f" {text} ", text)


@given(st.text(max_size=300))
def test_a_mistake_is_one_line_that_can_be_printed(text: str) -> None:
    mistake = mistake_in(text)
    assert mistake is None or mistake.isprintable()


@given(st.from_regex(r"[!-~]+( [!-~]+){0,3}", fullmatch=True))
def test_plain_text_is_an_id(text: str) -> None:
    assert mistake_in(text) is None


@pytest.mark.parametrize(
    "name",
    [
        "agent-7",
        "Ann Lee",
        "josé",
        "王芳",
        "иван",
        "иван@shop.example",
        "Ελένη",
        "عمر",
        "zendesk/17",
        "µ-service",
        "x" * 300,
    ],
)
def test_names_of_all_the_world_are_ids(name: str) -> None:
    assert mistake_in(name) is None
    assert mistake_in(f" {name} ") is None


@pytest.mark.parametrize("long", ["agent-7" * 50 + "\u200b", " " * 300, "a" * 300 + "  b"])
def test_long_ones_are_looked_at_too(long: str) -> None:
    assert mistake_in(long) is not None


def test_two_of_many_that_are_one() -> None:
    assert twice(["ann", "bob", "ANN "]) == ("ann", "ANN ")
    assert twice(["ann", "ann"]) == ("ann", "ann")
    assert twice(["ann", "bob"]) is None
    assert among("ANN", ["bob", "ann "])
    assert not among("ann", [])
    assert not same(None, None)


def test_a_record_with_one_is_refused_in_plain_words() -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/agents/shop",
        "type": "handrail.query.received.v1",
        "subject": "c",
        "time": "2026-01-01T00:00:00Z",
        "data": {"conversation_id": "c", "agent_id": "b\u200bot", "text": "x"},
    }
    with pytest.raises(SchemaError, match=r"^data\.agent_id: must not have U\+200B, which nobody can see: take it out"):
        decode(orjson.dumps(event))
