"""What holds for every adapter: the same conversations on each framework, with a scripted model."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from handrail.client import Agent, Blocked, Gate, Halted
from tests.adapters.conftest import Governing
from tests.adapters.frameworks import CONVERSATIONS
from tests.adapters.shop import Shop
from tests.adapters.talk import INPUT_TOKENS, OUTPUT_TOKENS, Converse, Talk
from tests.adapters.wire import answers, decisions, events

pytestmark = pytest.mark.kafka

ANSWERS = sorted(name for name, conversation in CONVERSATIONS.items() if conversation.answers)


@pytest.fixture(params=list(CONVERSATIONS))
def framework(request: pytest.FixtureRequest) -> str:
    """The name of the framework."""
    return str(request.param)


@pytest.fixture
def converse(framework: str) -> Converse:
    """Runs a scripted conversation on the framework."""
    return CONVERSATIONS[framework].converse


def refund(amount: int) -> tuple[str, dict[str, Any]]:
    return "issue_refund", {"order_id": "A-1", "amount": amount}


def order(order_id: str = "A-1") -> tuple[str, dict[str, Any]]:
    return "get_order", {"order_id": order_id}


async def test_an_allowed_read_runs_and_the_answer_is_said(
    governing: Governing, converse: Converse, framework: str
) -> None:
    shop, talk, name = Shop(), Talk([[order()], "It is on its way."]), f"{framework}-read"
    async with Agent("shop", conversation=name, bootstrap=governing.bootstrap) as agent:
        await converse(agent, shop, talk)
    recorded = await events(governing.bootstrap, name)
    assert shop.ran == [("get_order", "A-1")]
    assert talk.said == "It is on its way."
    assert "50" in talk.read[0]
    (executed,) = [data for kind, data in recorded if kind == "action.executed"]
    (decided,) = await decisions(governing.bootstrap, name)
    assert (executed["status"], executed["decision_id"]) == ("ok", decided["decision_id"])
    assert decided["verdict"] == "allow"
    assert "50" in str(executed["result"])
    kinds = ["execution.started", "action.proposed", "action.executed"]
    if framework in ANSWERS:
        kinds += ["response.proposed", "message.sent"]
        assert recorded[-1][1]["text"] == "It is on its way."
        used = [data["usage"] for kind, data in recorded if kind == "llm.completed"]
        assert sum(data["input_tokens"] for data in used) == 2 * INPUT_TOKENS
        assert sum(data["output_tokens"] for data in used) == 2 * OUTPUT_TOKENS
    assert [kind for kind, _ in recorded if kind != "llm.completed"] == kinds


async def test_a_blocked_write_does_not_run_and_the_model_learns_what_to_say(
    governing: Governing, converse: Converse, framework: str
) -> None:
    shop, talk, name = Shop(), Talk([[refund(900)], "A colleague will decide that."]), f"{framework}-blocked"
    async with Agent("shop", conversation=name, bootstrap=governing.bootstrap) as agent:
        await converse(agent, shop, talk)
    recorded = await events(governing.bootstrap, name)
    assert shop.ran == []
    assert "Do not retry it" in talk.read[0]
    assert "A refund of this size is decided by a colleague" in talk.read[0]
    assert "action.executed" not in [kind for kind, _ in recorded]
    assert [data["verdict"] for data in await decisions(governing.bootstrap, name)] == ["block"]


@pytest.mark.parametrize(
    ("outcome", "verdict", "ran"), [("approved", "allow", [("issue_refund", 300)]), ("denied", "block", [])]
)
async def test_a_person_decides_on_what_needs_approval(
    governing: Governing, converse: Converse, framework: str, outcome: str, verdict: str, ran: list[Any]
) -> None:
    shop, talk, name = Shop(), Talk([[refund(300)], "Done what I could."]), f"{framework}-{outcome}"
    async with Agent("shop", conversation=name, bootstrap=governing.bootstrap, approval_timeout_s=60) as agent:
        asked = asyncio.create_task(converse(agent, shop, talk))
        await answers(governing.bootstrap, name, outcome)
        await asked
    assert shop.ran == ran
    assert [data["verdict"] for data in await decisions(governing.bootstrap, name)] == ["require_approval"]
    (release,) = await decisions(governing.bootstrap, name, "release")
    assert release["verdict"] == verdict
    done = [data for kind, data in await events(governing.bootstrap, name) if kind == "action.executed"]
    assert [data["decision_id"] for data in done] == ([release["decision_id"]] if ran else [])


async def test_a_loop_is_halted_and_ends_the_run(governing: Governing, converse: Converse, framework: str) -> None:
    shop, talk, name = Shop(), Talk([[order()] for _ in range(6)]), f"{framework}-loop"
    async with Agent("shop", conversation=name, bootstrap=governing.bootstrap) as agent:
        with pytest.raises(Halted, match=r"loop\.repeat") as caught:
            await converse(agent, shop, talk)
        await agent.ended("halted")
    assert caught.value.decision is not None
    assert len(shop.ran) == 2
    assert talk.turns == 4, "the model is not asked again"
    assert [data["verdict"] for data in await decisions(governing.bootstrap, name)] == [
        "allow",
        "allow",
        "block",
        "halt",
    ]


async def test_calls_of_one_turn_are_each_decided(governing: Governing, converse: Converse, framework: str) -> None:
    turn = [order("A-1"), refund(900), order("A-2"), refund(20)]
    shop, talk, name = Shop(), Talk([turn, "Done."]), f"{framework}-parallel"
    async with Agent("shop", conversation=name, bootstrap=governing.bootstrap) as agent:
        await converse(agent, shop, talk)
    assert sorted(shop.ran) == [("get_order", "A-1"), ("get_order", "A-2"), ("issue_refund", 20)]
    assert ["Do not retry it" in data for data in talk.read] == [False, True, False, False]
    recorded = await events(governing.bootstrap, name)
    proposed = {data["action_id"]: data["arguments"] for kind, data in recorded if kind == "action.proposed"}
    done = {data["action_id"]: data["arguments"] for kind, data in recorded if kind == "action.executed"}
    verdicts = {data["action_id"]: data["verdict"] for data in await decisions(governing.bootstrap, name)}
    assert len(proposed) == 4
    assert done == {data: given for data, given in proposed.items() if verdicts[data] == "allow"}
    assert sorted(verdicts.values()) == ["allow", "allow", "allow", "block"]


async def test_a_tool_that_fails_is_told_as_an_error(governing: Governing, converse: Converse, framework: str) -> None:
    shop, talk, name = Shop(), Talk([[order("missing")], "I could not find it."]), f"{framework}-error"
    async with Agent("shop", conversation=name, bootstrap=governing.bootstrap) as agent:
        try:
            await converse(agent, shop, talk)
        except KeyError:
            assert talk.turns == 1, "the framework gives its errors to whoever runs it"
        else:
            assert any(word in talk.read[0] for word in ("rror", "no such order")), "it gives them to the model"
    (done,) = [data for kind, data in await events(governing.bootstrap, name) if kind == "action.executed"]
    assert done["status"] == "error"
    assert "no such order" in done["error"]


async def test_every_call_passes_the_gate(
    governing: Governing, converse: Converse, framework: str, tmp_path: Path
) -> None:
    gate = Gate(governing.public_key, tmp_path / "claims.db")
    closed = Gate(
        ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"], tmp_path / "none.db"
    )
    for number, (through, ran) in enumerate([(gate, [("issue_refund", 20)]), (closed, [])]):
        shop, talk, name = Shop(), Talk([[refund(20)], "Done."]), f"{framework}-gate-{number}"
        async with Agent("shop", conversation=name, bootstrap=governing.bootstrap, gate=through) as agent:
            await converse(agent, shop, talk)
        assert shop.ran == ran
        assert ("Do not retry it" in talk.read[0]) is (not ran)
    assert gate.unfinished() == []


@pytest.mark.parametrize("framework", ANSWERS)
async def test_an_answer_that_is_refused_is_not_given(governing: Governing, converse: Converse, framework: str) -> None:
    shop, talk, name = Shop(), Talk(["Let me help you with that first!"]), f"{framework}-answer"
    async with Agent("shop", conversation=name, bootstrap=governing.bootstrap) as agent:
        await agent.human_requested()
        with pytest.raises(Blocked, match=r"owner\.human"):
            await converse(agent, shop, talk)
    assert talk.said is None
    assert "message.sent" not in [kind for kind, _ in await events(governing.bootstrap, name)]
