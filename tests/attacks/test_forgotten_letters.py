"""Whoever is forgotten is in no dead letter either, however its bytes were written; nobody else's goes with it."""

import json
from pathlib import Path

import pytest

from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS
from handrail.streams.sink.customer_refs import names, refs_in
from handrail.streams.sink.forgotten import ANY_TENANT, Forgotten
from handrail.streams.sink.sink import _without
from handrail.streams.sink.stage import staged
from handrail.streams.sink.store import Store

REF = "cust-17"
ESCAPED = "".join(f"\\u{ord(one):04x}" for one in REF)
WIDE = "".join(chr(ord(one) + 0xFEE0) for one in REF)
WRITTEN = [
    b'{"data":{"customer":{"ref":"cust-17"}}}',
    b'{"data":{"customer":{"ref": "cust-17"}}}',
    b'{"data":{"customer":{"ref"  :\t"cust-17"}}}',
    b'{"data":{"customer":{"ref"\n:\r\n "cust-17"}}',
    f'{{"customer":{{"ref":"{ESCAPED}"}}'.encode(),
    b'{"customer":{"\\u0072ef":"cust-17"}',
    b'{"customer":{"ref":"cust\\u002d17"}',
    b'{"customer":{"ref":"CUST-17"}',
    f'{{"customer":{{"ref":"{WIDE}"}}'.encode(),
    b'{"customer":{"ref":" cust-17 "}',
    json.dumps({"inner": json.dumps({"customer": {"ref": REF}})}).encode(),
    json.dumps({"inner": json.dumps({"deeper": json.dumps({"ref": REF})})}).encode(),
    b"{'customer': {'ref': 'cust-17'}}",
    b"customer_ref=cust-17&x=1",
    b'{"customerRef": "cust-17"',
    b'{"customer":{"ref":"cust-17',
    b'\xff\xfe{"ref": "cust-17"}',
    '{"ref": "cust-17"}'.encode("utf-16"),
    b'{"text":"I am cust-17, please help"}',
    b'{"a":"\xff\xfe\x00","ref": "cust-17"}',
]
OTHERS = [
    b"",
    b"\xff\x00\x01",
    b'{"customer":{"ref":"cust-171"}}',
    b'{"customer":{"ref":"xcust-17"}}',
    b'{"customer":{"ref":"my-cust-17"}}',
    b'{"customer":{"ref":"cust-17-b"}}',
    b'{"customer":{"ref":"cust 17"}}',
    b'{"order":"17"}',
]


@pytest.mark.parametrize("value", WRITTEN)
def test_it_names_them(value: bytes) -> None:
    assert names(value, REF, None, "default")


@pytest.mark.parametrize("value", OTHERS)
def test_it_names_somebody_else(value: bytes) -> None:
    assert not names(value, REF, None, "default")


def test_a_short_ref_is_known_in_its_own_field_only() -> None:
    assert names(b'{"customer": {"ref" : "ann"}', "ann", None, "default")
    assert not names(b'{"text": "ann is here"}', "ann", None, "default")


def test_only_the_tenants_own() -> None:
    value = b'{"tenant" : "shop", "customer": {"ref": "cust-17"}'
    assert names(value, REF, "shop", "default")
    assert not names(value, REF, "other", "default")
    assert names(WRITTEN[0], REF, "default", "default")
    assert not names(WRITTEN[0], REF, "shop", "default")


def test_refs_are_found_as_they_were_given() -> None:
    assert refs_in(b'{"customer": {"ref" : "Cust-17"}, "x": {"ref":"b"') == {"Cust-17", "b"}


@pytest.mark.parametrize("topic", [DEADLETTERS, AGENT_EVENTS])
def test_what_is_read_again_stays_out_up_to_then(topic: str) -> None:
    forgotten = Forgotten(salt=b"s" * 32)
    forgotten.refs[forgotten.of_ref(ANY_TENANT, REF)] = 1_000
    lines = [
        (at_ms, staged(Record(topic, 0, at_ms, at_ms, b"k", value), {}, lambda _: False))
        for at_ms, value in ((1_000, WRITTEN[1]), (1_001, WRITTEN[1]), (1_000, OTHERS[2]))
    ]
    assert len(_without(lines, forgotten, "c").lines) == 2


def test_the_command_takes_them_out_of_the_database(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "handrail.duckdb")
    values = [one for one in (*WRITTEN, *OTHERS) if one]
    records = [Record(DEADLETTERS, 0, at, 1_000, b"k", value) for at, value in enumerate(values)]
    store.write("c", [staged(one, {})[:2] for one in records], {(DEADLETTERS, 0): len(values)})
    removed, _ = store.forget(REF, None)
    assert removed["deadletters"] == len(WRITTEN)
    left = store.cursor().execute("SELECT value FROM deadletters ORDER BY log_offset").fetchall()
    store.close()
    assert [bytes(row[0]) for row in left] == [one for one in OTHERS if one]
