"""The fast readers agree with the slow and exact ones."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.schemas.canonical import canonical
from handrail.schemas.errors import SchemaError
from handrail.schemas.strict_json import _check_exactly, loads

INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
# Prices and shares as well: among all floats they are rare, and they are written by the fast way.
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.builds(round, st.floats(-1e10, 1e10), st.integers(0, 9))
LEAVES = st.one_of(st.none(), st.booleans(), INTEGERS, FLOATS, st.text(st.characters(exclude_categories=["Cs"])))
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(VALUES)
def test_canonical_is_rfc_8785_whichever_way_it_was_made(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@settings(max_examples=300)
@given(st.one_of(st.floats(-1e10, 1e10), st.integers(-(10**12), 10**12).map(lambda whole: whole / 1000)))
def test_a_number_is_written_as_rfc_8785_does_around_the_ends_of_the_fast_way(value: float) -> None:
    for each in (value, 0.001 + value / 1e13, 1e9 + value / 1e9):
        assert canonical([each]) == rfc8785.dumps([each])


@settings(max_examples=300)
@given(VALUES, st.sampled_from([None, (",", ":")]), st.booleans())
def test_whatever_json_writes_is_read_back(value: Any, separators: Any, ascii_only: bool) -> None:
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode()
    assert loads(text) == value


PIECES = st.sampled_from(
    [
        '"a"',
        '"b"',
        ":",
        ",",
        "{",
        "}",
        "[",
        "]",
        "1",
        "-1e5",
        "9007199254740993",
        '"\\u0022"',
        '"\\""',
        '"\\\\"',
        " ",
        "1.0",
    ]
)


@settings(max_examples=500)
@given(st.lists(PIECES, min_size=1, max_size=14).map("".join))
def test_the_fast_checks_let_nothing_through_that_the_slow_reader_refuses(text: str) -> None:
    try:
        loads(text.encode())
    except SchemaError:
        return
    _check_exactly(text.encode())


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["a", "b", 'q"', "c\\", "é"]), min_size=1, max_size=5))
def test_repeated_keys_are_always_found(keys: list[str]) -> None:
    for ascii_only in (True, False):
        body = ", ".join(f"{json.dumps(key, ensure_ascii=ascii_only)}: 1" for key in keys)
        text = ("{" + body + "}").encode()
        if len(set(keys)) == len(keys):
            assert loads(text) == dict.fromkeys(keys, 1)
        else:
            with pytest.raises(SchemaError, match="stands twice"):
                loads(text)
