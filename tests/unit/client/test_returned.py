"""An agent learns what a person did with what it handed over."""

from itertools import permutations
from typing import Any

import pytest

from handrail.client import Agent, Blocked, NeedsApproval, Unreachable
from handrail.client.handback import Handback, HandbackTracker
from tests.unit.client.inprocess import Governor

REFUND = {"amount": 900}


async def test_a_conversation_that_is_returned_comes_with_its_note_and_the_ai_may_go_on() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        assert (await agent.human_requested()).route == "human"
        assert await agent.returned(timeout_s=0) is None
        with pytest.raises(Blocked):
            await agent.respond("Hello there, how can I help?")
        governor.resolves("returned", note="only wants the invoice", labels=["invoice"])
        handback = await agent.returned(timeout_s=1)
        assert handback is not None
        assert (handback.outcome, handback.note, handback.by, handback.labels) == (
            "returned",
            "only wants the invoice",
            "desk-1",
            ["invoice"],
        )
        assert (await agent.respond("Here is your invoice, as asked.")).allowed
        assert await agent.returned(timeout_s=0) is None


async def test_what_a_person_has_resolved_stays_with_the_person() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        await agent.human_requested()
        governor.resolves("resolved", note="called back")
        assert (await agent.returned()) == Handback(
            governor.handoffs[-1]["handoff_id"], "resolved", "desk-1", "called back", owner="human"
        )
        with pytest.raises(Blocked):
            await agent.respond("Hello there, how can I help?")


async def test_what_is_given_back_beside_another_open_handoff_is_still_a_persons() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        assert (await agent.route("Someone used my card, these payments are fraud")).route == "human"
        fraud = governor.handoffs[-1]
        await agent.human_requested()
        governor.resolves("returned", handoff=fraud)
        handback = await agent.returned(timeout_s=1)
        assert handback is not None
        assert (handback.outcome, handback.owner) == ("returned", "human")
        with pytest.raises(Blocked):
            await agent.respond("Hello there, how can I help?")


async def test_an_escalation_that_a_rule_made_can_be_waited_for() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        with pytest.raises(Blocked) as blocked:
            await agent.propose("refund", REFUND)
        governor.resolves("returned", note="no refund: offer a voucher")
        handback = await agent.returned()
        assert handback is not None
        assert blocked.value.decision is not None
        assert (handback.handoff_id, handback.note) == (blocked.value.decision.handoff_id, "no refund: offer a voucher")


async def test_a_denial_says_its_note_with_the_release() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        with pytest.raises(Blocked) as denied:
            await _denied(governor, agent)
        assert denied.value.decision is not None
        assert denied.value.decision.reasons[0].evidence["note"] == "no receipt"
        assert await agent.returned(timeout_s=0) is None


async def _denied(governor: Governor, agent: Agent) -> None:
    try:
        await agent.propose("refund", {"amount": 300}, action_id="a", wait_approval=False)
    except NeedsApproval:
        governor.resolves("denied", note="no receipt")
        await agent.propose("refund", {"amount": 300}, action_id="a")


async def test_nothing_handed_over_is_nothing_to_wait_for() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        await agent.route("Where is my parcel?")
        assert await agent.returned(timeout_s=60) is None
    async with governor.agent(observe=True) as agent:
        await agent.human_requested()
        assert await agent.returned(timeout_s=60) is None


async def test_kafka_away_is_said() -> None:
    governor = Governor()
    async with governor.agent() as agent:
        await agent.human_requested()
        governor.away = True
        with pytest.raises(Unreachable, match="what people did cannot be read"):
            await agent.returned()


def resolution(handoff: str, outcome: str, note: str) -> dict[str, Any]:
    data = {"handoff_id": handoff, "outcome": outcome, "by": {"id": "ann"}, "note": note}
    return {"type": "handrail.resolution.v1", "data": data}


def closed(handoff: str, cause: str, owner: str = "ai") -> dict[str, Any]:
    return {"type": "handrail.handoff.closed.v1", "data": {"handoff_id": handoff, "cause": cause, "owner": owner}}


def test_the_order_of_the_two_topics_does_not_matter_and_repeats_change_nothing() -> None:
    events = [resolution("a", "returned", "first"), closed("a", "resolved"), closed("b", "resolved")]
    for order in permutations([*events, *events]):
        tracker = HandbackTracker(["a"])
        for event in order:
            tracker.take(event)
        assert tracker.handback == Handback("a", "returned", "ann", "first")


@pytest.mark.parametrize(
    "events",
    [
        [resolution("a", "returned", "n")],
        [closed("a", "resolved")],
        [resolution("a", "approved", "n"), closed("a", "resolved")],
        [resolution("a", "returned", "n"), closed("a", "withdrawn")],
        [resolution("b", "returned", "n"), closed("b", "resolved")],
        [resolution("a", "returned", "n"), closed("b", "resolved")],
    ],
)
def test_what_is_not_the_whole_answer_is_none(events: list[dict[str, Any]]) -> None:
    tracker = HandbackTracker(["a"])
    for event in events:
        tracker.take(event)
    assert tracker.handback is None
