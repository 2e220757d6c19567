"""A retry with the same action id, minutes or days later, never pays twice, and never waits for what cannot come."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from handrail.client import AlreadyClaimed, Gate, GateRefused, NeedsApproval, Permit, Unusable
from handrail.client.call import first_action_id, next_action_id
from tests.attacks.signed import SignedGovernor, proposed

DAY_S = 24 * 3600.0
TOOL, ARGUMENTS = "refund", {"amount": 20}


async def ask(governor: SignedGovernor, action_id: str = "a1", gate: Gate | None = None, **options: Any) -> Permit:
    """One process of an agent that proposes, always in the same execution."""
    given = {"amount": options.pop("amount", ARGUMENTS["amount"])}
    async with governor.agent(execution="conv-1/1", timeout_s=5, gate=gate, **options) as agent:
        return await agent.propose(TOOL, given, action_id=action_id)


async def handed_off(governor: SignedGovernor, count: int) -> None:
    """So many handoffs were opened."""
    async with asyncio.timeout(5):
        while len(governor.handoffs) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("later_s", [61.0, 3600.0, DAY_S, 2 * DAY_S, 6 * DAY_S])
async def test_days_later_a_gate_remembers(tmp_path: Path, later_s: float) -> None:
    governor = SignedGovernor()
    with governor.gate(tmp_path).admit(await ask(governor), TOOL):
        pass
    governor.log.wait(later_s)
    with pytest.raises(AlreadyClaimed, match="was used already: refund was begun at"):
        await ask(governor, gate=governor.gate(tmp_path))
    assert proposed(governor) == ["a1", "a1"], "nothing was proposed anew"


@pytest.mark.parametrize("later_s", [61.0, 2 * DAY_S, 390 * DAY_S])
async def test_what_the_log_has_forgotten_a_gate_still_knows(tmp_path: Path, later_s: float) -> None:
    """Beyond the last 64 identities the same proposal is a new one: the same decision id, a new end."""
    governor = SignedGovernor()
    gate = governor.gate(tmp_path)
    first = await ask(governor)
    with gate.admit(first, TOOL):
        pass
    async with governor.agent(execution="conv-1/2") as agent:
        for number in range(70):
            await agent.customer_acted("look", {"number": number})
    governor.log.wait(later_s)
    with governor.gate(tmp_path).admit(await ask(governor, "other", amount=21), TOOL):  # what is old leaves the file
        pass
    again = await ask(governor)
    assert again.decision is not None
    assert first.decision is not None
    assert (again.decision.repeat, again.decision.decision_id) == (None, first.decision.decision_id)
    with pytest.raises(AlreadyClaimed):
        governor.gate(tmp_path).admit(again, TOOL).__enter__()


async def test_what_never_ran_is_proposed_anew_and_then_runs_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its process was killed before the claim; a third process finds what the second one did."""
    governor = SignedGovernor()
    await ask(governor)
    governor.log.wait(DAY_S)
    with caplog.at_level(logging.WARNING, "handrail.client"):
        second = await ask(governor, gate=governor.gate(tmp_path))
    assert (second.action_id, second.replaces) == ("a1~renewed-2", "a1")
    assert "proposed anew as a1~renewed-2, in place of a1" in caplog.text
    with governor.gate(tmp_path).admit(second, TOOL):
        pass
    for later_s in (1, 30, 70, DAY_S, 3 * DAY_S):
        governor.log.wait(later_s)
        with pytest.raises(AlreadyClaimed):
            await ask(governor, gate=governor.gate(tmp_path))
    assert set(proposed(governor)) == {"a1", "a1~renewed-2"}


async def test_all_names_of_an_action_are_one_claim(tmp_path: Path) -> None:
    """The first name is forgotten by the log and allowed once more, long after the second one ran."""
    governor = SignedGovernor()
    await ask(governor)
    governor.log.wait(DAY_S)
    with governor.gate(tmp_path).admit(await ask(governor, gate=governor.gate(tmp_path)), TOOL):
        pass
    async with governor.agent(execution="conv-1/2") as agent:
        for number in range(70):
            await agent.customer_acted("look", {"number": number})
    first = await ask(governor)
    assert (first.action_id, first.allowed) == ("a1", True)
    with pytest.raises(AlreadyClaimed):
        governor.gate(tmp_path).admit(first, TOOL).__enter__()


async def test_without_a_gate_nothing_is_proposed_anew_that_may_have_run() -> None:
    governor = SignedGovernor()
    await ask(governor)
    governor.log.wait(61)
    with pytest.raises(Unusable, match=r"may have been acted on: look for action\.executed on the log") as caught:
        await ask(governor)
    assert "only where it took no effect, propose it under a new id" in str(caught.value)
    assert proposed(governor) == ["a1", "a1"]


async def test_what_was_said_is_not_said_again() -> None:
    governor = SignedGovernor()
    for number in range(2):
        async with governor.agent(execution="conv-1/1", timeout_s=5) as agent:
            if number:
                governor.log.wait(DAY_S)
                with pytest.raises(Unusable, match=r"look for message\.sent"):
                    await agent.respond("Your parcel comes on Friday.", response_id="r1")
            else:
                await agent.respond("Your parcel comes on Friday.", response_id="r1")
    assert len(governor.published("message.sent")) == 1


@pytest.mark.parametrize("with_gate", [False, True])
@pytest.mark.parametrize("action_id", [None, "a1"])
async def test_an_allow_that_comes_too_late_is_proposed_anew_once(
    tmp_path: Path, with_gate: bool, action_id: str | None
) -> None:
    governor = SignedGovernor()
    gate = governor.gate(tmp_path) if with_gate else None
    async with governor.agent(timeout_s=5, gate=gate) as agent:
        governor.late = 1
        permit = await agent.propose(TOOL, ARGUMENTS, action_id=action_id)
        first, second = proposed(governor)
        assert (permit.replaces, permit.action_id) == (first, second)
        assert second == next_action_id(first)
        await agent.executed(permit, "done")
        governor.late = 2
        with pytest.raises(Unusable, match=r"had expired when it arrived again, under .*: see how far the workers lag"):
            await agent.propose(TOOL, {"amount": 21})
    assert governor.published("action.executed")[0]["action_id"] == second
    assert len(proposed(governor)) == 4


async def test_what_is_said_too_late_is_proposed_anew_too() -> None:
    governor = SignedGovernor()
    governor.late = 1
    async with governor.agent(timeout_s=5) as agent:
        permit = await agent.respond("Your parcel comes on Friday.", response_id="r1")
    assert (permit.action_id, permit.replaces) == ("r1~renewed-2", "r1")
    assert [data["response_id"] for data in governor.published("message.sent")] == ["r1~renewed-2"]


async def test_an_approval_that_comes_too_late_asks_a_person_again() -> None:
    governor = SignedGovernor()
    async with governor.agent(timeout_s=5, approval_timeout_s=5) as agent:
        with pytest.raises(NeedsApproval):
            await agent.propose(TOOL, {"amount": 300}, action_id="a1", wait_approval=False)
        governor.late = 1
        governor.resolves("approved")
        asked = asyncio.create_task(agent.propose(TOOL, {"amount": 300}, action_id="a1"))
        await handed_off(governor, 2)
        governor.resolves("approved")
        permit = await asked
    assert (permit.action_id, permit.replaces) == ("a1~renewed-2", "a1")
    assert permit.allowed
    assert len(governor.handoffs) == 2


async def test_an_approval_that_was_acted_on_is_not_asked_for_again(tmp_path: Path) -> None:
    governor = SignedGovernor()
    async with governor.agent(execution="conv-1/1", timeout_s=5, approval_timeout_s=5) as agent:
        asked = asyncio.create_task(agent.propose(TOOL, {"amount": 300}, action_id="a1"))
        await handed_off(governor, 1)
        governor.resolves("approved")
        with governor.gate(tmp_path).admit(await asked, TOOL):
            pass
    for later_s in (1, DAY_S):
        governor.log.wait(later_s)
        with pytest.raises(AlreadyClaimed):
            await ask(governor, amount=300, gate=governor.gate(tmp_path))
        with pytest.raises(NeedsApproval, match="see whether it took effect"):
            await ask(governor, amount=300)


async def test_a_permission_that_has_ended_passes_no_gate(tmp_path: Path) -> None:
    governor = SignedGovernor()
    permit = await ask(governor)
    governor.log.wait(61)
    with pytest.raises(GateRefused, match="it has ended"):
        governor.gate(tmp_path).admit(permit, TOOL).__enter__()


def test_the_names_of_an_action() -> None:
    name = "a1"
    for number in (2, 3, 4):
        name = next_action_id(name)
        assert (name, first_action_id(name)) == (f"a1~renewed-{number}", "a1")
    for own in ("a1", "~renewed-2", "a1~renewed-", "a1~renewed-x", "a1~renewed-02", "a1-2", "a\n1"):
        assert first_action_id(own) == own
