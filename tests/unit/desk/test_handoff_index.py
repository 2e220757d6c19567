"""The read model of handoffs: as the log says, and bounded."""

import copy
import json
from typing import Any

import pytest

from handrail.desk.handoff_index import Bounds, HandoffIndex
from handrail.desk.handoff_summary import SEARCHED_MAX, summary
from handrail.desk.handoff_view import LINE_MAX
from handrail.desk.record_cache import RecordCache
from handrail.schemas.topics import HANDOFFS
from tests.unit.desk.handoff_log import Log, route, sample


def test_the_newest_revision_is_the_one_that_is_view_and_read() -> None:
    log = Log()
    log.handoff(revision=2, queue="fraud")
    log.handoff(revision=1, queue="general")
    view = log.view()
    assert view.record["queue"] == "fraud"
    text = log.texts.get(view.place)
    assert text is not None
    assert (text["revision"], text["transcript"]) == (2, sample("handoff")["data"]["transcript"])


def test_what_is_closed_is_not_open_and_is_still_found() -> None:
    log = Log()
    log.handoff()
    log.close(cause="expired")
    view = log.view()
    assert log.index.open() == []
    assert view.closed is not None
    assert view.closed["cause"] == "expired"


def test_a_record_that_comes_twice_opens_nothing_again() -> None:
    log = Log(closed=1)
    for name in ("hf-1", "hf-2"):
        log.handoff(name)
        log.close(name)
    assert log.index.get("hf-1") is None  # forgotten
    log.handoff("hf-1")
    assert len(log.index) == 0


def test_no_more_are_view_than_there_is_room_for() -> None:
    log = Log(open=3, closed=2)
    for number in range(5):
        log.handoff(f"hf-{number}")
    assert [view.id for view in log.index.open()] == ["hf-2", "hf-3", "hf-4"]
    assert log.index.unseen == 2
    for number in range(5):
        log.close(f"hf-{number}")
    assert [log.index.get(f"hf-{number}") is not None for number in range(5)] == [False, False, False, True, True]


def test_a_claim_that_comes_before_its_handoff_is_kept_for_it() -> None:
    log = Log()
    claim = sample("handoff.claimed", handoff_id="hf-1", conversation_id="conv-8841", by={"id": "ann"})
    log.append({**claim, "subject": "conv-8841"})
    log.handoff()
    view = log.view()
    assert view.claimed_by == "ann"


def test_what_is_said_under_another_conversation_is_not_believed() -> None:
    log = Log()
    log.handoff()
    event = sample("resolution", handoff_id="hf-1", conversation_id="conv-other", by={"id": "eve"}, outcome="approved")
    log.append({**event, "subject": "conv-other"})
    view = log.view()
    assert view.answers == ()


def test_the_first_answer_counts_and_the_second_learns_who_was_first() -> None:
    log = Log()
    route(log)
    log.answer("ann", "resolved", "e1")
    log.answer("ben", "returned", "e2")
    log.close()
    view = log.view()
    assert view.outcomes["e1"].line.startswith("resolved: a human keeps")
    assert view.outcomes["e2"].line == "too late: ann answered first (resolved)"
    assert log.index.person_event("e2") == ("hf-1", "ben")


def test_the_same_event_twice_is_one_answer() -> None:
    log = Log()
    route(log)
    log.answer("ann", "resolved", "e1")
    log.answer("ann", "resolved", "e1")
    view = log.view()
    assert len(view.answers) == 1


@pytest.mark.parametrize("release_first", [True, False])
def test_what_came_of_an_approval_is_told_in_whatever_order_it_comes(release_first: bool) -> None:
    log = Log()
    log.handoff()
    digest = sample("handoff")["data"]["pending"]["action_digest"]
    granted = {
        "code": "approval.granted",
        "action": "allow",
        "mode": "enforce",
        "message": "",
        "evidence": {"by": ["ann"]},
    }
    release = sample("decision", kind="release", verdict="allow", action_digest=digest, reasons=[granted])
    tell = [lambda: log.append(release), lambda: log.answer("ann", "approved", "e1")]
    for one in tell if release_first else reversed(tell):
        one()
    view = log.view()
    assert view.outcomes["e1"].line.startswith("approved: the agent may now run issue_refund")


def test_what_is_view_of_a_handoff_is_short_however_long_it_is() -> None:
    log = Log()
    long = "word " * 50_000
    log.handoff(problem={"text": long, "summary": long}, customer={"ref": "c-1", "tier": long})
    view = log.view()
    assert len(view.search_text) <= SEARCHED_MAX
    assert len(view.line) <= LINE_MAX
    assert len(json.dumps(view.record)) < 3_000


def test_texts_have_a_bound_and_the_ones_not_used_go_first() -> None:
    texts = RecordCache(bytes_max=6_000)
    value = json.dumps(sample("handoff")).encode()
    for offset in range(8):
        texts.put((HANDOFFS, 0, offset), value)
        assert texts.get((HANDOFFS, 0, 0)) is not None  # it is the one that is used
    assert texts.get((HANDOFFS, 0, 1)) is None
    assert texts.get((HANDOFFS, 0, 7)) is not None


def test_what_is_not_of_the_contract_is_named_and_passed_over() -> None:
    index = HandoffIndex(summary, Bounds())
    assert index.take((HANDOFFS, 2, 7), b"conv-1", b"{") is None
    assert index.unreadable[0].startswith("human.handoffs.v1[2] offset 7: ")


def test_a_handoff_keeps_the_actions_of_all_its_revisions() -> None:
    log = Log()
    log.handoff()
    other = copy.deepcopy(sample("handoff")["data"]["pending"])
    log.handoff(revision=2, pending={**other, "action_digest": "b" * 64})
    view = log.view()
    assert len(view.actions) == 2


@pytest.mark.parametrize(
    "data",
    [
        {"due_at": "2026-13-45T99:99:99Z"},
        {"pending": {"tool": "refund"}},
        {"pending": {"tool": 1, "arguments": 2, "action_digest": "a"}},
        {"approvals": {"needed": "two", "by": []}},
        {"approvals": {"needed": 2, "by": [1, "a"]}},
        {"approvals": {"needed": 2, "by": 5}},
    ],
)
def test_a_handoff_of_another_shape_is_passed_over_and_the_others_are_shown(data: dict[str, Any]) -> None:
    log = Log()
    log.handoff("hf-good")
    log.handoff("hf-bad", **data)
    log.handoff("hf-good", revision=2, **data)
    assert [view.id for view in log.index.open()] == ["hf-good"]
    assert len(log.index.unreadable) == 2


def test_a_release_of_another_shape_ends_nothing() -> None:
    log = Log()
    log.handoff()
    digest = sample("handoff")["data"]["pending"]["action_digest"]
    log.append(sample("decision", kind="release", verdict="allow", action_digest=digest, reasons=[]))
    log.answer("ann", "approved", "e1")
    granted: dict[str, Any] = {"code": "approval.granted", "action": "allow", "mode": "enforce", "message": ""}
    granted["evidence"] = {"by": ["ann"]}
    log.append(sample("decision", kind="release", verdict="allow", action_digest=digest, reasons=[granted]))
    view = log.view()
    assert view.outcomes["e1"].counts
    assert len(log.index.unreadable) == 1
