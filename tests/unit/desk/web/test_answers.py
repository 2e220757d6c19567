"""From a form to an event: what is refused, and that the same form is the same event."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from handrail.desk.handoff_view import Answer, HandoffView
from handrail.desk.may_answer import Refused
from handrail.desk.web import answers
from handrail.desk.web.form import BACK_MS, Form, new_event_id
from handrail.schemas.decode import decode_resolution
from handrail.schemas.errors import ConfigError
from handrail.schemas.fields import By
from handrail.schemas.keys import SigningKey
from tests.unit.desk.handoff_log import sample

NOW_MS = 1_764_000_000_000
ANA = By(id="ana", name="Ana")
KEY = SigningKey(b"k" * 32)
DIGEST = sample("handoff")["data"]["pending"]["action_digest"]


def form(**fields: str) -> Form:
    given = {"event_id": "a" * 32, "outcome": "approved", "digest": DIGEST, **fields}
    return Form.of(urlencode(given).encode())


def handoff(
    *given: dict[str, Any], closed: dict[str, Any] | None = None, claim: Any = None, **data: Any
) -> HandoffView:
    record = sample("handoff", **data)["data"]
    digests = (record["pending"]["action_digest"],) if record["pending"] else ()
    answers = tuple(Answer(f"e{number}", answer) for number, answer in enumerate(given))
    return HandoffView(record, digests, claim, answers, closed)


def answered(view: HandoffView, sent: Form, person: By = ANA) -> dict[str, Any]:
    return answers.answer(view, person, sent, KEY, NOW_MS)


def test_an_answer_is_bound_to_the_action_that_was_seen_and_signed() -> None:
    event = answered(handoff(), form(note="  receipt seen\r\nand checked ", since=str(NOW_MS - 90_500)))
    assert event["id"] == "a" * 32
    data = event["data"]
    assert (data["action_digest"], data["note"], data["handling_s"]) == (DIGEST, "receipt seen\nand checked", 90.5)
    assert data["key_id"] == KEY.id
    decode_resolution(json.dumps(event).encode())


def test_the_same_form_is_the_same_event_to_the_last_byte() -> None:
    sent = form(note="once", at=str(NOW_MS - 2_000), since=str(NOW_MS - 60_000))
    first = answers.answer(handoff(), ANA, sent, KEY, NOW_MS)
    assert answers.answer(handoff(), ANA, sent, KEY, NOW_MS + 30_000) == first
    assert first["time"] == first["data"]["at"]


@pytest.mark.parametrize("at", ["", "x", str(NOW_MS - BACK_MS - 1), str(NOW_MS + 60_000), "9" * 40, "٣"])
def test_a_time_that_cannot_be_is_now(at: str) -> None:
    assert form(at=at).at_ms(NOW_MS) == NOW_MS


@pytest.mark.parametrize(
    ("view", "fields", "why"),
    [
        (handoff(closed={"cause": "expired"}), {}, "closed already"),
        (handoff(), {"outcome": "resolved"}, "approve or deny"),
        (handoff(pending=None), {}, "No action waits"),
        (handoff(), {"digest": "0" * 64}, "Another action waits now"),
        (handoff(), {"digest": ""}, "Another action waits now"),
        (handoff({"by": {"id": "ana"}, "outcome": "denied"}), {"outcome": "denied"}, "answered it already"),
        (
            handoff({"by": {"id": "ana"}, "outcome": "approved"}, approvals={"needed": 2, "by": []}),
            {},
            "A second person is needed",
        ),
        (HandoffView(sample("handoff")["data"], (DIGEST, "b" * 64)), {}, "2 different actions"),
    ],
)
def test_what_cannot_be_answered_so_is_refused(view: HandoffView, fields: dict[str, str], why: str) -> None:
    with pytest.raises(Refused, match=why):
        answered(view, form(**fields))


def test_a_second_person_may_approve_what_another_has() -> None:
    view = handoff({"by": {"id": "ben"}, "outcome": "approved"}, approvals={"needed": 2, "by": ["ben"]})
    assert answered(view, form())["data"]["by"]["id"] == "ana"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"cost_usd": "four"}, "cost_usd"),
        ({"event_id": "A" * 32}, "event_id"),
        ({"event_id": "../x"}, "event_id"),
        ({"outcome": "halt"}, "outcome"),
        ({"note": "x" * 10_001}, "note: has 10001 characters"),
    ],
)
def test_what_is_not_of_the_contract_is_named(fields: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        answered(handoff(), form(**fields))


def test_a_claim_is_taken_over_only_on_purpose() -> None:
    view = handoff(claim={"by": {"id": "ben"}})
    with pytest.raises(Refused, match="ben has claimed it"):
        answers.claim(view, ANA, form(), KEY, NOW_MS)
    assert answers.claim(view, ANA, form(take_over="yes"), KEY, NOW_MS)["data"]["by"]["id"] == "ana"
    with pytest.raises(Refused, match="yours already"):
        answers.claim(handoff(claim={"by": {"id": "ana"}}), ANA, form(), KEY, NOW_MS)


def test_a_body_that_is_no_form_is_refused() -> None:
    for body in (b"\xff", b"&".join(b"a%d=1" % number for number in range(100))):
        with pytest.raises(ConfigError, match="cannot be read"):
            Form.of(body)


def test_ids_of_events_are_all_different_and_of_the_form_that_is_asked_for() -> None:
    ids = {new_event_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(form(event_id=one).event_id == one for one in ids)


def test_what_is_measured_has_bounds() -> None:
    fields = form(since="0", labels="a, b,,", handoff_needed="no", context_ok="perhaps").resolution_fields(NOW_MS)
    assert fields["handling_s"] == 8 * 3600
    assert form(since=str(NOW_MS + 5)).resolution_fields(NOW_MS)["handling_s"] == 0
    assert (fields["labels"], fields["handoff_needed"], fields["context_ok"]) == (["a", "b"], False, None)
