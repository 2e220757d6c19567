"""Whoever is forgotten is in no dead letter either, however its bytes were written; nobody else's goes with it."""

import json

import pytest

from handrail.streams.sink.named import names, refs_in

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
