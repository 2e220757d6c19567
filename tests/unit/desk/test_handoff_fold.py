"""One read model: a summary says of a handoff what the whole of it says, after every record that the fold can write."""

import json
from typing import Any

import pytest

from handrail.desk.handoff_fold import ANSWERS_MAX
from handrail.desk.handoff_index import Bounds, HandoffIndex
from handrail.desk.handoff_summary import LONG, summary, whole_of
from handrail.desk.handoff_view import HandoffView
from handrail.schemas.handoff_revision import applied
from handrail.schemas.topics import HANDOFFS
from tests.attacks.test_frozen_cases import OUTDATES, REVISES, Step, asked, looked_up_at_last
from tests.bundles import refunds
from tests.log import Log as Conversation
from tests.unit.desk.handoff_log import Log, route, sample


def records(conversation: Conversation) -> list[dict[str, Any]]:
    """What the fold writes about handoffs, in its order."""
    outputs = conversation.fold(refunds()).records
    return [event for event in outputs if event["type"].startswith("handrail.handoff.")]


def compared(view: HandoffView) -> tuple[Any, ...]:
    """What lists and answers ask of a handoff."""
    return (
        view.id, view.conversation_id, view.kind, view.pending, view.actions, view.due_ms, view.approved_by,
        view.approvals_needed, view.revision_min, len(view.news), view.halted, view.urgency, view.closed,
        view.closed_at, view.record["revision"], view.record["queue"], view.place, view.latest, view.search_text,
    )  # fmt: skip


@pytest.mark.parametrize("step", [*OUTDATES, *REVISES, looked_up_at_last])
def test_a_summary_says_what_the_whole_says(step: Step) -> None:
    conversation = Conversation()
    handoff = asked(conversation)
    step(conversation)
    conversation.query("And please tell me when it is done.")
    conversation.resolves(handoff, "denied")
    indexes = [HandoffIndex(keep, Bounds()) for keep in (summary, whole_of(), whole_of(handoff["handoff_id"]))]
    events = records(conversation)
    assert {"handrail.handoff.v1", "handrail.handoff.closed.v1"} == {event["type"] for event in events}
    for offset, event in enumerate(events):
        key, value = event["subject"].encode(), json.dumps(event).encode()
        short, listed, whole = (index.take((HANDOFFS, 0, offset), key, value) for index in indexes)
        assert short is not None
        assert listed is not None
        assert whole is not None
        assert compared(short) == compared(listed) == compared(whole)
        assert not LONG & listed.record.keys()
        assert short.line == whole.line


def test_the_whole_is_what_the_revisions_come_to() -> None:
    conversation = Conversation()
    handoff = asked(conversation)
    conversation.query("Wait, please do NOT refund the lamp.")
    index = HandoffIndex(whole_of(handoff["handoff_id"][:8]), Bounds())
    stands: dict[str, Any] = {}
    for offset, event in enumerate(records(conversation)):
        view = index.take((HANDOFFS, 0, offset), event["subject"].encode(), json.dumps(event).encode())
        if event["data"]["handoff_id"] == handoff["handoff_id"]:
            stands = applied(stands, event["data"])
            assert view is not None
            assert view.record == stands
    assert stands["revision"] == 2


def test_an_update_of_a_handoff_that_has_left_the_log_shows_nothing() -> None:
    conversation = Conversation()
    asked(conversation)
    conversation.query("Wait, please do NOT refund the lamp.")
    index = HandoffIndex(summary, Bounds())
    event = records(conversation)[-1]
    assert event["data"]["since"] is not None
    assert index.take((HANDOFFS, 0, 7), event["subject"].encode(), json.dumps(event).encode()) is None
    assert index.all() == []


def test_answers_of_one_handoff_have_a_bound() -> None:
    log = Log()
    log.handoff()
    for number in range(ANSWERS_MAX + 5):
        log.answer(f"person-{number}", "approved", f"e{number}")
    assert len(log.view().answers) == ANSWERS_MAX


def test_a_view_that_was_taken_stays_as_it_was() -> None:
    """A page that is being made shows one moment, whatever the log brings meanwhile."""
    log = Log()
    route(log)
    before = log.view()
    log.answer("ann", "resolved", "e1")
    log.close()
    assert (before.answers, before.closed, before.version) == ((), None, 1)
    assert (len(log.view().answers), log.view().version) == (1, 3)


def test_what_was_forgotten_is_let_go_whole() -> None:
    log = Log()
    log.handoff()
    taken = log.view()
    log.handoff(revision=2)
    log.index.forget(taken)
    assert log.index.all() == []
    assert log.texts.get((HANDOFFS, 0, 2)) is None
    log.append(sample("handoff", handoff_id="hf-1", revision=3))
    assert log.index.all() == []
