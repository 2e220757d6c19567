"""How the terminal finds handoffs, from records in any order."""

import copy
import json
from typing import Any

import pytest

from handrail.desk.handoff_index import Bounds, HandoffIndex, NoSuchHandoff
from handrail.desk.handoff_summary import whole_of
from handrail.schemas.topics import HANDOFFS, RESOLUTIONS
from tests.unit.desk.handoff_log import sample


def index(*events: dict[str, Any], name: str | None = None) -> HandoffIndex:
    handoffs = HandoffIndex(whole_of(name), Bounds())
    for offset, event in enumerate(events):
        topic = RESOLUTIONS if "resolution" in event["type"] or "claimed" in event["type"] else HANDOFFS
        handoffs.take((topic, 0, offset), event["subject"].encode(), json.dumps(event).encode())
    assert not handoffs.unreadable
    return handoffs


def handoff(name: str, **data: Any) -> dict[str, Any]:
    return sample("handoff", handoff_id=name, **data)


def test_the_newest_revision_counts_whatever_comes_first() -> None:
    newer, older = handoff("hf-1", revision=2, queue="fraud"), handoff("hf-1", revision=1, queue="general")
    assert index(newer, older).find("hf-1").record["queue"] == "fraud"
    assert index(older, newer).find("hf-1").record["queue"] == "fraud"


def test_the_most_urgent_comes_first_then_what_is_due_first() -> None:
    late, soon = "2026-11-23T12:00:00Z", "2026-11-23T11:00:00Z"
    events = [
        handoff("hf-a", priority="normal", due_at=soon),
        handoff("hf-b", priority="urgent", due_at=late),
        handoff("hf-c", priority="urgent", due_at=soon),
        handoff("hf-d", priority="of its own", due_at=soon),
    ]
    assert [view.id for view in index(*events).all()] == ["hf-c", "hf-b", "hf-a", "hf-d"]


def test_a_claim_under_another_conversation_is_not_believed() -> None:
    mine = sample("handoff")
    claim = sample("handoff.claimed", handoff_id=mine["data"]["handoff_id"], conversation_id=mine["subject"])
    claim["subject"] = mine["subject"]
    forged = copy.deepcopy(claim)
    forged["subject"] = forged["data"]["conversation_id"] = "conv-other"
    assert index(mine, claim).find(mine["data"]["handoff_id"]).claimed_by
    assert index(mine, forged).find(mine["data"]["handoff_id"]).claimed_by is None


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one() -> None:
    handoffs = index(handoff("hf-aa1"), handoff("hf-ab2"))
    assert handoffs.find("hf-aa").id == "hf-aa1"
    with pytest.raises(NoSuchHandoff, match="hf-a: 2 handoffs begin so: give more of it: hf-aa1, hf-ab2"):
        handoffs.find("hf-a")


def test_the_conversation_names_its_only_open_handoff() -> None:
    closed = sample("handoff.closed", handoff_id="hf-1")
    one, two = handoff("hf-1", conversation_id="conv-7"), handoff("hf-2", conversation_id="conv-7")
    assert index(one, two, closed, name="conv-7").find("conv-7").id == "hf-2"
    assert "transcript" in index(one, two, closed, name="conv-7").find("conv-7").record
    assert index(one, closed).find("conv-7").id == "hf-1"
    with pytest.raises(NoSuchHandoff, match="conv-7: 2 handoffs of this conversation: give the id of one: hf-1, hf-2"):
        index(one, two).find("conv-7")


def test_long_fields_are_kept_only_of_what_is_asked_for() -> None:
    handoffs = index(handoff("hf-aa1"), handoff("hf-ab2"), name="hf-aa")
    assert "transcript" in handoffs.find("hf-aa1").record
    assert "transcript" not in handoffs.find("hf-ab2").record


def test_what_is_not_of_the_contract_is_named_and_passed_over() -> None:
    handoffs = HandoffIndex(whole_of(), Bounds())
    handoffs.take((HANDOFFS, 0, 7), b"conv-1", b"{")
    assert handoffs.unreadable[0].startswith("human.handoffs.v1[0] offset 7: ")
