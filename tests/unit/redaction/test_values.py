"""What is taken out of values and records: by shape, by name, with the paths; identifiers stay."""

import orjson

from handrail.streams.governor.redaction import Redactions, redact_record
from handrail.streams.governor.redaction.redactions import PATHS_MAX


def test_values_are_marked_where_they_stand_and_named_by_path() -> None:
    taken = Redactions()
    value = {"to": ["a@b.co", "no"], "card": "1", "n": 4111111111111111, "deep": {"phone": 5551234567}, "amount": 900}
    assert taken.value(value, "arguments") == {
        "to": ["[email]", "no"],
        "card": "[redacted]",
        "n": "[card …1111]",
        "deep": {"phone": "[phone]"},
        "amount": 900,
    }
    assert taken.rows() == [
        {"path": "arguments.card", "kinds": ["named"]},
        {"path": "arguments.deep.phone", "kinds": ["phone"]},
        {"path": "arguments.n", "kinds": ["card"]},
        {"path": "arguments.to[0]", "kinds": ["email"]},
    ]


def test_a_value_without_anything_is_the_same_object() -> None:
    value = {"order_id": "#W1", "lines": [{"sku": 1008292230}]}
    assert Redactions().value(value, "x") is value


def test_the_same_path_twice_still_hides_both() -> None:
    taken = Redactions()
    assert taken.value({"t": "a@b.co"}, "p") == taken.value({"t": "c@d.co"}, "p") == {"t": "[email]"}


def test_names_of_fields_hide_nothing_and_stay_apart() -> None:
    taken = Redactions()
    shown = taken.value({"a@b.co": 1, "c@d.co": "x@y.co"}, "p")
    assert shown == {"[email]": 1, "[email]#1": "[email]"}
    assert all("@" not in row["path"] for row in taken.rows())


def test_more_paths_than_are_named_are_hidden_and_counted() -> None:
    taken = Redactions()
    shown = taken.value([f"u{number}@b.co" for number in range(PATHS_MAX + 7)], "p")
    assert set(shown) == {"[email]"}
    assert (len(taken.rows()), taken.more) == (PATHS_MAX, 7)


def test_nesting_without_end_is_not_shown() -> None:
    value: object = "a@b.co"
    for _ in range(100):
        value = [value]
    assert b"a@b.co" not in orjson.dumps(Redactions().value(value, "p"))


def record(**data: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": "4111111111111111", "subject": "+14155552671", "data": data}


def test_a_record_without_anything_keeps_its_bytes() -> None:
    raw = record(conversation_id="+14155552671", text="hello", price=1.10)
    value = orjson.dumps(raw, option=orjson.OPT_INDENT_2)
    assert redact_record(value, raw) == (value, [])


def test_a_record_keeps_what_joins_it_and_loses_what_it_must() -> None:
    raw = record(conversation_id="+14155552671", text="I am a@b.co", customer={"ref": "a@b.co", "contact": "a@b.co"})
    stored = redact_record(orjson.dumps(raw), raw)
    redacted = orjson.loads(stored.value)
    assert (redacted["id"], redacted["subject"]) == (raw["id"], raw["subject"])
    assert redacted["data"] == {
        "conversation_id": "+14155552671",
        "text": "I am [email]",
        "customer": {"ref": "a@b.co", "contact": "[email]"},
    }
    assert [row["path"] for row in stored.redactions] == ["data.customer.contact", "data.text"]


def test_what_json_escapes_is_found_too() -> None:
    value = rb'{"data":{"text":"a\u0040b.co"}}'
    assert b"[email]" in redact_record(value, orjson.loads(value)).value


def test_what_was_redacted_once_stays_as_it_is() -> None:
    raw = record(text="I am a@b.co, card 4111111111111111", arguments={"password": "x"})
    once = redact_record(orjson.dumps(raw), raw)
    again = redact_record(once.value, orjson.loads(once.value))
    assert again == (once.value, [])
