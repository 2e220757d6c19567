"""Each bad record gets one clear line, is kept, and the fold goes on."""

import json
from typing import Any

import pytest

from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError
from tests.log import Log

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/agents/refunds",
    "type": "handrail.action.proposed.v1",
    "subject": "conv-1",
    "time": "2026-11-23T10:15:02.412Z",
    "data": {
        "agent_id": "refunds",
        "conversation_id": "conv-1",
        "action_id": "a1",
        "tool": "refund",
        "arguments": {"amount": 5},
    },
}


def text(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def data(**changes: Any) -> bytes:
    return text(data={name: value for name, value in {**GOOD["data"], **changes}.items() if value is not ...})


CASES = {
    "truncated": (text()[:-20], "value: is not JSON: unexpected end of data: line 1 column"),
    "not an object": (b"[]", "value: must be a CloudEvent, an object in JSON, got a list"),
    "wrong type": (data(arguments="five"), "data.arguments: must be an object, got a string ('five')"),
    "no coercion": (data(action_id=7), "data.action_id: must be a string, got a number (7)"),
    "5 MB": (
        b'"' + b"x" * 5_000_000 + b'"',
        "value: has 5000002 bytes, at most 1000000 are read: send large content by reference",
    ),
    "unknown type": (text(type="handrail.action.dreamt.v1"), "type: 'handrail.action.dreamt.v1' is not known here"),
    "no conversation": (data(conversation_id=...), "data.conversation_id: is missing"),
    "other conversation": (data(conversation_id="x"), "data.conversation_id: must be the subject 'conv-1'"),
    "invalid UTF-8": (text().replace(b"refund", b"ref\xff", 1), "value: is not JSON: not UTF-8 at byte"),
    "duplicate key": (b'{"id": "a", "id": "b"}', "value: the key 'id' stands twice in one object"),
    "duplicate key, escaped quotes": (b'{"a": "\\u0022", "a": 1}', "value: the key 'a' stands twice in one object"),
    "NaN": (b'{"amount": NaN}', "value: is not JSON: NaN is no JSON number: leave the field out"),
    "infinity": (b'{"amount": 1e999}', "value: is not JSON: number is infinity when parsed as double"),
    "lone surrogate": (b'{"a": "\\ud800"}', "value: is not JSON: no low surrogate in string"),
    "nested 100,000 deep": (b"[" * 100_000, "value: is nested deeper than 64 levels"),
    "5,000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "value: is not JSON: number is infinity when parsed as double"),
    "beyond 2^53-1": (b'{"a": 9007199254740992}', "value: the integer 9007199254740992 is beyond 2^53-1"),
    "null": (None, "value: is null; a record needs a CloudEvent in JSON"),
    "empty": (b"", "value: is not JSON"),
    "not a CloudEvent": (b"{}", "specversion: is missing (and 6 more)"),
    "time without zone": (text(time="2026-11-23T10:15:02"), "time: must be an RFC 3339 time with a zone"),
    "control as conversation": (text(subject="control"), "data.conversation_id: must be the subject 'control'"),
    "NUL in the key": (text(subject="a\x00b"), "subject: must not have control characters"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_with_one_clear_line(name: str) -> None:
    value, line = CASES[name]
    with pytest.raises(SchemaError) as refused:
        decode(value)
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_kept_as_a_dead_letter_and_the_fold_goes_on(name: str) -> None:
    value, line = CASES[name]
    log = Log()
    log.raw(b"conv-1", value)
    log.proposes("get_order")
    outcome = log.fold()
    assert outcome.of("deadletter")[0]["reason"].startswith(line)
    assert outcome.folded[0].outputs[0].value == (value or b"")
    assert outcome.verdicts == ["allow"]


def test_long_digits_in_text_are_no_integer() -> None:
    assert decode(data(arguments={"iban": "12345678901234567890"})).raw["data"]["arguments"]["iban"].startswith("123")


def test_unknown_fields_survive() -> None:
    event_data = decode(data(colour="blue")).event.data
    assert event_data.model_extra == {"colour": "blue"}


def test_a_record_with_another_key_than_its_subject_is_a_dead_letter() -> None:
    log = Log()
    log.raw(b"conv-2", text())
    log.raw(None, text())
    reasons = [letter["reason"] for letter in log.fold().of("deadletter")]
    assert reasons[0].startswith("key: must be the subject 'conv-1', is 'conv-2'")
    assert reasons[1].startswith("key: must be the subject 'conv-1', is absent")


def test_a_record_in_the_wrong_partition_names_the_setting() -> None:
    from handrail.schemas.partitioner import partition_of
    from handrail.schemas.record import Record
    from handrail.streams.governor.partition import PartitionFold
    from handrail.streams.governor.replay import shown

    wrong = (partition_of(b"conv-1", 4) + 1) % 4
    folded = PartitionFold(wrong, 4, {}).fold([Record("agent.events.v1", wrong, 0, 1, b"conv-1", text())])
    reason = shown(folded.outputs[0])["data"]["reason"]
    assert "partitioner=murmur2_random" in reason
