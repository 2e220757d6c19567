"""The quick reader accepts nothing that the exact one refuses, or reads in another way.

`python -m tests.fuzz.quick --records 1000000` asks more.
"""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.schemas import quick
from handrail.schemas.events import EVENTS
from tests.fuzz.mutations import SAMPLES, mutants
from tests.fuzz.nearly import nearly
from tests.fuzz.quick import alike, compared

RECORDS = 20_000


def test_what_the_quick_reader_takes_the_exact_one_takes_alike() -> None:
    readers = compared(nearly(20261129, RECORDS))
    assert readers.both > RECORDS * 0.3
    assert readers.exact > RECORDS * 0.05
    assert readers.neither > RECORDS * 0.3


def test_of_records_that_went_wrong_too() -> None:
    assert compared(mutant.value for mutant in mutants(20261129, RECORDS // 4, 4, "sha256:x")).both > RECORDS / 50


def sample(event_type: str) -> dict[str, Any]:
    samples = [orjson.loads(path.read_bytes()) for path in SAMPLES.glob("*.json")]
    return next(event for event in samples if event["type"] == event_type)


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_a_plain_event_of_every_type_is_read_quickly(event_type: str) -> None:
    value = orjson.dumps(sample(event_type))
    assert quick.read(value) is not None
    assert quick.read(b" " + value) is not None


# Without escapes, which all go to the exact reader.
texts = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters='"\\\x7f'), max_size=8)
numbers = st.one_of(st.integers(-(2**54), 2**54), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
writers: list[Callable[[Any], bytes]] = [
    orjson.dumps,
    lambda event: json.dumps(event, ensure_ascii=False).encode(),
    lambda event: json.dumps(event, ensure_ascii=False, indent=1, sort_keys=True).encode(),
]


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(texts, values, max_size=5), st.sampled_from(writers))
def test_any_arguments_are_read_alike(arguments: dict[str, Any], write: Callable[[Any], bytes]) -> None:
    event = sample("handrail.action.proposed.v1")
    event["data"]["arguments"] = arguments
    compared([write(event)])


def test_alike_tells_a_number_from_its_other_spelling() -> None:
    integer, decimal = ({"type": "t", "data": {"n": number}} for number in (1, 1.0))
    assert alike(integer, b'{"n":1}', integer)
    assert not alike(integer, b'{"n":1}', decimal)


def taken_by_anyone(_: Any) -> object:
    return object()


@pytest.mark.parametrize(
    ("safeguard", "instead"),
    [
        ("BACKSLASH", 0x00),
        ("DELETE", 0x00),
        ("DOT", 0x00),
        ("DEPTH_MAX", 10_000),
        ("CONTROL_KEY", ""),
        ("_EXACT", orjson.OPT_SORT_KEYS),
        ("_TIME", taken_by_anyone),
        ("_CHECKS", dict.fromkeys(EVENTS, taken_by_anyone)),
        ("_compact_size", lambda envelope, content: 0),
        ("_no_fraction", taken_by_anyone),
        ("is_plain", taken_by_anyone),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_no_safeguard_of_the_quick_reader_can_be_left_out(
    safeguard: str, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing was seen without it, nothing would be seen of its mistakes either."""
    # Without _CHECKS a field may be absent or no object, and the reader fails: which record comes first is chance.
    shown_by = (AssertionError, AttributeError, KeyError, TypeError) if safeguard == "_CHECKS" else AssertionError
    monkeypatch.setattr(quick, safeguard, instead)
    with pytest.raises(shown_by):
        compared(nearly(1, RECORDS * 2))
