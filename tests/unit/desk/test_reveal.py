"""What stood where a handoff has a mark: each of its paths leads back to what the events say."""

from typing import Any

import orjson

from handrail.desk.reveal import SHOWN_MAX, original, shown
from tests.bundles import refunds
from tests.log import Log
from tests.unit.governor.test_handoff import private_story


def events(log: Log) -> list[tuple[int, dict[str, Any]]]:
    return [(record.offset, orjson.loads(record.value or b"")) for record in log.records]


def test_every_redacted_path_leads_back_to_what_was_said() -> None:
    log = private_story()
    (handoff,) = log.fold(refunds()).handoffs
    found = {path: original(handoff, path, events(log)) for path in handoff["redacted"]}
    said = "card 4111 1111 1111 1111, mail a@b.co, order #W1234567, $300 back"
    assert found == {
        "attempts[0].arguments.email": "a@b.co",
        "attempts[0].result.email": "a@b.co",
        "attempts[0].result.phone": 4155552671,
        "channel": "sms:+14155552671",
        "contact": "+1 415 555 2671",
        "customer.account.mail": "a@b.co",
        "customer.contact": "+1 415 555 2671",
        "goal": "help a@b.co",
        "pending.arguments.note": "to 4111111111111111",
        "problem.text": said,
        "transcript[0].text": said,
        "transcript[1].text": "I wrote to a@b.co.",
    }


def test_a_field_that_is_secret_by_its_name_comes_back_too() -> None:
    log = Log()
    log.query("My TV arrived broken", customer={"ref": "c", "account": {"card_number": "4111"}})
    log.proposes("refund", "a9", amount=900, password="hunter2")
    (handoff,) = log.fold(refunds()).handoffs
    paths = ("customer.account.card_number", "attempts[0].arguments.password")
    assert [original(handoff, path, events(log)) for path in paths] == ["4111", "hunter2"]


def test_what_the_log_has_no_more_is_none() -> None:
    (handoff,) = private_story().fold(refunds()).handoffs
    assert {original(handoff, path, []) for path in handoff["redacted"]} == {None}


def test_a_value_is_shown_as_text_and_no_longer_than_a_screen() -> None:
    assert shown("x" * 10_000) == "x" * (SHOWN_MAX - 1) + "…"
    assert shown({"a": 1}) == '{\n  "a": 1\n}'
    assert shown(None) is None
