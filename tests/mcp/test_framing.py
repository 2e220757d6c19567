"""Bytes in, the same bytes out: lines as they are cut, and elements of arrays."""

import asyncio
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.mcp.messages import PARTS_MAX, split_elements
from handrail.mcp.stdio import Framer, Line, StdoutWriter

BYTES_MAX = 8
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def cut(chunks: list[bytes]) -> list[Line]:
    framer = Framer(BYTES_MAX)
    return [line for chunk in chunks for line in framer.feed(chunk)] + list(framer.end())


@given(st.lists(st.binary(max_size=12) | st.lists(st.sampled_from([b"\n", b"ab", b"\r\n"])).map(b"".join)))
def test_however_it_is_cut_all_bytes_come_out_in_their_order(chunks: list[bytes]) -> None:
    complete = b"".join(chunks)
    ended = complete if complete.endswith(b"\n") or not complete else complete + b"\n"
    assert b"".join(line.raw for line in cut(chunks)) == ended


@given(st.lists(st.binary(max_size=30)))
def test_a_line_is_whole_exactly_where_it_is_small_enough(chunks: list[bytes]) -> None:
    complete = b"".join(chunks)
    wanted = [part + b"\n" for part in complete.split(b"\n")]
    wanted = wanted[:-1] if wanted[-1] == b"\n" else wanted
    lines: list[tuple[bytes, bool]] = []
    pieces = b""
    for line in cut(chunks):
        pieces += line.raw
        if line.last:
            lines.append((pieces, line.complete))
            pieces = b""
    assert lines == [(line, len(line) <= BYTES_MAX + 1) for line in wanted]


def test_no_more_than_a_message_and_a_chunk_is_held() -> None:
    framer = Framer(BYTES_MAX)
    pieces = [line for _ in range(100) for line in framer.feed(b"abc")]
    assert sum(len(piece.raw) for piece in pieces) >= 300 - BYTES_MAX - 3
    assert not any(piece.complete or piece.last for piece in pieces)


async def test_nothing_is_written_into_a_line_that_comes_in_pieces() -> None:
    reading, writing = os.pipe()
    outlet = StdoutWriter(writing)
    await outlet.piece(Line(b"large ", complete=False, last=False))
    other = asyncio.create_task(outlet.write(b"other\n"))
    for piece in (Line(b"and ", complete=False, last=False), Line(b"larger\n", complete=False)):
        await asyncio.sleep(0)
        await outlet.piece(piece)
    await other
    assert os.read(reading, 100) == b"large and larger\nother\n"
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        await outlet.write(b"nobody reads this\n")
    os.close(writing)


@given(st.lists(json_values, max_size=6), st.sampled_from(["", " ", "\t\r\n "]))
def test_elements_of_an_array_keep_their_own_bytes(values: list[object], space: str) -> None:
    raws = [json.dumps(value, separators=(" , ", " : ")) for value in values]
    elements = split_elements(f"[{space}" + f"{space},{space}".join(raws) + f"{space}]", json.JSONDecoder())
    assert elements.is_array
    assert elements.raws == tuple(raw.encode() for raw in raws)
    assert list(elements.values) == values


@pytest.mark.parametrize("text", ["", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]x", "{}{}", "[1]]", "]"])
def test_what_is_not_json_is_no_array_either(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        split_elements(text, json.JSONDecoder())


def test_a_batch_has_an_end() -> None:
    split_elements(json.dumps([0] * PARTS_MAX), json.JSONDecoder())
    with pytest.raises(OverflowError):
        split_elements(json.dumps([0] * (PARTS_MAX + 1)), json.JSONDecoder())
