"""What the desk holds in memory: as the log says, and bounded."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from handrail.desk.web.handoff_index import HandoffIndex
from handrail.desk.web.handoff_view import LINE_MAX, SEARCHED_MAX
from handrail.desk.web.record_cache import RecordCache
from handrail.schemas.topics import ALERTS, DECISIONS, HANDOFFS, RESOLUTIONS

SAMPLES = Path(__file__).resolve().parents[4] / "handrail" / "schemas" / "samples" / "v1"
TOPICS = {"handoff": HANDOFFS, "handoff.closed": HANDOFFS, "decision": DECISIONS, "alert": ALERTS}


def sample(name: str, **data: Any) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    event["data"] |= data
    return event


class Log:
    """Cases being told, record by record."""

    def __init__(self, **bounds: int) -> None:
        self.cases, self.offset = HandoffIndex(**bounds), 0

    def tell(self, event: dict[str, Any], topic: str = "") -> None:
        name = event["type"].removeprefix("handrail.").removesuffix(".v1")
        self.offset += 1
        place = (topic or TOPICS.get(name, RESOLUTIONS), 0, self.offset)
        self.cases.take(place, event["subject"].encode(), json.dumps(event).encode())

    def handoff(self, name: str = "hf-1", **data: Any) -> None:
        self.tell(sample("handoff", handoff_id=name, **data))

    def close(self, name: str = "hf-1", cause: str = "resolved") -> None:
        self.tell(sample("handoff.closed", handoff_id=name, cause=cause))

    def says(self, who: str, outcome: str, event_id: str, name: str = "hf-1", **data: Any) -> None:
        about = {"handoff_id": name, "conversation_id": "conv-8841", "by": {"id": who}, "outcome": outcome}
        event = sample("resolution", **about, **data)
        event["data"].pop("action_digest", None)
        self.tell({**event, "id": event_id, "subject": "conv-8841"})


def route(log: Log) -> None:
    log.handoff(kind="route", pending=None, approvals=None)


def test_the_newest_revision_is_the_one_that_is_held_and_read() -> None:
    log = Log()
    log.handoff(revision=2, queue="fraud")
    log.handoff(revision=1, queue="general")
    held = log.cases.get("hf-1")
    assert held is not None
    assert held.record["queue"] == "fraud"
    text = log.cases.texts.get(held.place)
    assert text is not None
    assert (text["revision"], text["transcript"]) == (2, sample("handoff")["data"]["transcript"])


def test_what_is_closed_is_not_open_and_is_still_found() -> None:
    log = Log()
    log.handoff()
    log.close(cause="expired")
    held = log.cases.get("hf-1")
    assert log.cases.open() == []
    assert held is not None
    assert held.case.closed is not None
    assert held.case.closed["cause"] == "expired"


def test_a_record_that_comes_twice_opens_nothing_again() -> None:
    log = Log(closed_max=1)
    for name in ("hf-1", "hf-2"):
        log.handoff(name)
        log.close(name)
    assert log.cases.get("hf-1") is None  # forgotten
    log.handoff("hf-1")
    assert len(log.cases) == 0


def test_no_more_are_held_than_there_is_room_for() -> None:
    log = Log(open_max=3, closed_max=2)
    for number in range(5):
        log.handoff(f"hf-{number}")
    assert [held.record["handoff_id"] for held in log.cases.open()] == ["hf-2", "hf-3", "hf-4"]
    assert log.cases.unseen == 2
    for number in range(5):
        log.close(f"hf-{number}")
    assert [log.cases.get(f"hf-{number}") is not None for number in range(5)] == [False, False, False, True, True]


def test_a_claim_that_comes_before_its_handoff_is_kept_for_it() -> None:
    log = Log()
    claim = sample("handoff.claimed", handoff_id="hf-1", conversation_id="conv-8841", by={"id": "ann"})
    log.tell({**claim, "subject": "conv-8841"})
    log.handoff()
    held = log.cases.get("hf-1")
    assert held is not None
    assert held.case.claimed_by == "ann"


def test_what_is_said_under_another_conversation_is_not_believed() -> None:
    log = Log()
    log.handoff()
    event = sample("resolution", handoff_id="hf-1", conversation_id="conv-other", by={"id": "eve"}, outcome="approved")
    log.tell({**event, "subject": "conv-other"})
    held = log.cases.get("hf-1")
    assert held is not None
    assert held.answers == []


def test_the_first_answer_counts_and_the_second_learns_who_was_first() -> None:
    log = Log()
    route(log)
    log.says("ann", "resolved", "e1")
    log.says("ben", "returned", "e2")
    log.close()
    held = log.cases.get("hf-1")
    assert held is not None
    assert held.came["e1"].line.startswith("resolved: a human keeps")
    assert held.came["e2"].line == "too late: ann answered first (resolved)"
    assert log.cases.answer_of("e2") == ("hf-1", "ben")


def test_the_same_event_twice_is_one_answer() -> None:
    log = Log()
    route(log)
    log.says("ann", "resolved", "e1")
    log.says("ann", "resolved", "e1")
    held = log.cases.get("hf-1")
    assert held is not None
    assert len(held.answers) == 1


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
    tell = [lambda: log.tell(release), lambda: log.says("ann", "approved", "e1")]
    for one in tell if release_first else reversed(tell):
        one()
    held = log.cases.get("hf-1")
    assert held is not None
    assert held.came["e1"].line.startswith("approved: the agent may now run issue_refund")


def test_what_is_held_of_a_handoff_is_short_however_long_it_is() -> None:
    log = Log()
    long = "word " * 50_000
    log.handoff(problem={"text": long, "summary": long}, customer={"ref": "c-1", "tier": long})
    held = log.cases.get("hf-1")
    assert held is not None
    assert len(held.searched) <= SEARCHED_MAX
    assert len(held.line) <= LINE_MAX
    assert len(json.dumps(held.record)) < 3_000


def test_texts_have_a_bound_and_the_ones_not_used_go_first() -> None:
    texts = RecordCache(bytes_max=6_000)
    value = json.dumps(sample("handoff")).encode()
    for offset in range(8):
        texts.put((HANDOFFS, 0, offset), value)
        assert texts.get((HANDOFFS, 0, 0)) is not None  # it is the one that is used
    assert texts.get((HANDOFFS, 0, 1)) is None
    assert texts.get((HANDOFFS, 0, 7)) is not None


def test_what_is_not_of_the_contract_is_named_and_passed_over() -> None:
    cases = HandoffIndex()
    assert cases.take((HANDOFFS, 2, 7), b"conv-1", b"{") is None
    assert cases.unreadable[0].startswith("human.handoffs.v1[2] offset 7: ")


def test_a_handoff_keeps_the_actions_of_all_its_revisions() -> None:
    log = Log()
    log.handoff()
    other = copy.deepcopy(sample("handoff")["data"]["pending"])
    log.handoff(revision=2, pending={**other, "action_digest": "b" * 64})
    held = log.cases.get("hf-1")
    assert held is not None
    assert len(held.case.actions) == 2


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
    assert [held.record["handoff_id"] for held in log.cases.open()] == ["hf-good"]
    assert len(log.cases.unreadable) == 2


def test_a_release_of_another_shape_ends_nothing() -> None:
    log = Log()
    log.handoff()
    digest = sample("handoff")["data"]["pending"]["action_digest"]
    log.tell(sample("decision", kind="release", verdict="allow", action_digest=digest, reasons=[]))
    log.says("ann", "approved", "e1")
    granted: dict[str, Any] = {"code": "approval.granted", "action": "allow", "mode": "enforce", "message": ""}
    granted["evidence"] = {"by": ["ann"]}
    log.tell(sample("decision", kind="release", verdict="allow", action_digest=digest, reasons=[granted]))
    held = log.cases.get("hf-1")
    assert held is not None
    assert held.came["e1"].counts
    assert len(log.cases.unreadable) == 1
