"""The board: how the human tier stands, from records in any order of their topics."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from handrail.desk.board import Board, NoSuchHandoff
from handrail.schemas.topics import HANDOFFS, RESOLUTIONS

SAMPLES = Path(__file__).resolve().parents[3] / "handrail" / "schemas" / "samples" / "v1"


def sample(name: str, **data: Any) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    event["data"] |= data
    return event


def board(*events: dict[str, Any], whole: str | None = None) -> Board:
    found = Board(whole)
    for event in events:
        topic = RESOLUTIONS if "resolution" in event["type"] or "claimed" in event["type"] else HANDOFFS
        found.take(topic, event["subject"].encode(), json.dumps(event).encode(), "here")
    assert found.unreadable == []
    return found


def handoff(name: str, **data: Any) -> dict[str, Any]:
    return sample("handoff", handoff_id=name, **data)


def test_the_newest_revision_counts_whatever_comes_first() -> None:
    newer, older = handoff("hf-1", revision=2, queue="fraud"), handoff("hf-1", revision=1, queue="general")
    assert board(newer, older).case("hf-1").record["queue"] == "fraud"
    assert board(older, newer).case("hf-1").record["queue"] == "fraud"


def test_the_most_urgent_comes_first_then_what_is_due_first() -> None:
    late, soon = "2026-11-23T12:00:00Z", "2026-11-23T11:00:00Z"
    events = [
        handoff("hf-a", priority="normal", due_at=soon),
        handoff("hf-b", priority="urgent", due_at=late),
        handoff("hf-c", priority="urgent", due_at=soon),
        handoff("hf-d", priority="of its own", due_at=soon),
    ]
    assert [case.id for case in board(*events).cases()] == ["hf-c", "hf-b", "hf-a", "hf-d"]


def test_a_claim_under_another_conversation_is_not_believed() -> None:
    mine = sample("handoff")
    claim = sample("handoff.claimed", handoff_id=mine["data"]["handoff_id"], conversation_id=mine["subject"])
    claim["subject"] = mine["subject"]
    forged = copy.deepcopy(claim)
    forged["subject"] = forged["data"]["conversation_id"] = "conv-other"
    assert board(mine, claim).case(mine["data"]["handoff_id"]).claimed_by
    assert board(mine, forged).case(mine["data"]["handoff_id"]).claimed_by is None


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one() -> None:
    found = board(handoff("hf-aa1"), handoff("hf-ab2"))
    assert found.case("hf-aa").id == "hf-aa1"
    with pytest.raises(NoSuchHandoff, match="hf-a: 2 handoffs begin so: give more of it: hf-aa1, hf-ab2"):
        found.case("hf-a")


def test_the_conversation_names_its_only_open_handoff() -> None:
    closed = sample("handoff.closed", handoff_id="hf-1")
    one, two = handoff("hf-1", conversation_id="conv-7"), handoff("hf-2", conversation_id="conv-7")
    assert board(one, two, closed, whole="conv-7").case("conv-7").id == "hf-2"
    assert "transcript" in board(one, two, closed, whole="conv-7").case("conv-7").record
    assert board(one, closed).case("conv-7").id == "hf-1"
    with pytest.raises(NoSuchHandoff, match="conv-7: 2 handoffs of this conversation: give the id of one: hf-1, hf-2"):
        board(one, two).case("conv-7")


def test_long_fields_are_kept_only_of_what_is_asked_for() -> None:
    found = board(handoff("hf-aa1"), handoff("hf-ab2"), whole="hf-aa")
    assert "transcript" in found.case("hf-aa1").record
    assert "transcript" not in found.case("hf-ab2").record


def test_what_is_not_of_the_contract_is_named_and_passed_over() -> None:
    found = Board()
    found.take(HANDOFFS, b"conv-1", b"{", "human.handoffs.v1[0] offset 7")
    assert found.unreadable[0].startswith("human.handoffs.v1[0] offset 7: ")
