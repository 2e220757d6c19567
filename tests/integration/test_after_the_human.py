"""What people do, through a real worker and a real sink, as the views count it: rules, handoffs, requests, alerts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail.broker import EmbeddedBroker
from handrail.client import Agent, Blocked, Client, NeedsApproval
from handrail.schemas.signature import sign_record
from handrail.schemas.topics import HANDOFFS, RESOLUTIONS
from handrail.streams.keys import new_key, read_key
from handrail.streams.sink.reading import open_readonly
from tests.bundles import REFUNDS, TOOLS, written
from tests.desk import resolution
from tests.sinks import Sink, sink
from tests.topics import Wire, data
from tests.workers import worker

pytestmark = pytest.mark.kafka
ROUTING = """
rules:
  - when: {wants_human: true}
    route: human
    queue: people
    priority: high
    due_in_s: 2
"""
CHAT = "/crm/chat"
SHORT = "default: {approval_ttl_s: 3}\n"


class Place:
    """A broker, a worker that asks for signed answers, and a sink."""

    def __init__(self, broker: str, folder: Path, stored: Sink) -> None:
        self.broker, self.stored = broker, stored
        self._key = read_key(folder / "desk.key")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with open_readonly(self.stored.data).connection as connection:
            found = connection.execute(sql)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def until(self, sql: str) -> None:
        """Returns when the query gives a row."""
        self.stored.wait_until(lambda: bool(self.rows(sql)))

    async def answer(self, wire: Wire, conversation: str, outcome: str, signed: bool = True, **more: Any) -> None:
        """A person answers the newest handoff of the conversation."""
        async with Wire(self.broker, HANDOFFS) as handoffs:
            while (found := data(await handoffs.next()))["conversation_id"] != conversation or "kind" not in found:
                pass
        told = resolution(found, outcome, **more)
        await wire.publish(sign_record(self._key, told) if signed else told, RESOLUTIONS)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("after")
    mine, desk = new_key(folder / "worker.key"), new_key(folder / "desk.key")
    keys = (
        f"keys:\n  governor: {{public: {mine.public.line}, uses: [decisions, controls]}}\n"
        f"  desk: {{public: {desk.public.line}, uses: [resolutions]}}\n"
    )
    files = {"refunds": REFUNDS, "tools": TOOLS, "routing": ROUTING, "limits": SHORT, "keys": keys}
    files["agents"] = f"human_sources: [{CHAT}]\n"
    policies = written(folder / "policies", **files)
    govern = ("--policies", str(policies), "--key", str(folder / "worker.key"))
    with (
        EmbeddedBroker() as broker,
        worker(broker.bootstrap, folder, *govern),
        sink(broker.bootstrap, folder) as stored,
    ):
        yield Place(broker.bootstrap, folder, stored)


async def test_a_rule_that_people_overrule_is_counted_and_a_forged_answer_is_not(place: Place) -> None:
    async with Client(place.broker) as client, Wire(place.broker) as wire:
        for name, outcome, more in (
            ("rule-1", "returned", {"handoff_needed": False, "labels": ["too strict"], "context_ok": True}),
            ("rule-2", "resolved", {"handoff_needed": True, "context_ok": False, "context_missing": ["order id"],
                                    "customer_repeated": True, "cost_usd": "4.20"}),
            ("rule-3", "resolved", {}),
        ):  # fmt: skip
            async with Agent("refunds", conversation=name, client=client) as agent:
                with pytest.raises(Blocked):
                    await agent.propose("refund", {"amount": 900})
                if name == "rule-3":
                    await place.answer(wire, name, "returned", signed=False, handoff_needed=False)
                    place.until("FROM alerts WHERE kind = 'bypass' AND message LIKE '%answer of a person%'")
                    assert await agent.returned(timeout_s=0.2) is None
                else:
                    await place.answer(wire, name, outcome, **more)
                    assert (await agent.returned(timeout_s=20)) is not None
                await agent.feedback(csat=1 if name == "rule-2" else 5)
    place.until("FROM handoff_quality WHERE rule_id = 'too-high' AND answered = 2 AND open = 1")
    place.until("SELECT conversation_id FROM feedback WHERE conversation_id = 'rule-3'")
    (rule,) = place.rows("FROM rules WHERE rule_id = 'too-high'")
    counted = {
        name: rule[name] for name in ("fired", "shadow", "blocks", "overridden", "upheld", "regretted", "judged")
    }
    assert counted == {
        "fired": 3, "shadow": 0, "blocks": 3, "overridden": 1, "upheld": 1, "regretted": 1, "judged": 3,
    }  # fmt: skip
    (quality,) = place.rows("FROM handoff_quality WHERE rule_id = 'too-high'")
    assert (quality["n"], quality["needed"], quality["context_ok"], quality["customer_repeated"]) == (3, 0.5, 0.5, 1.0)
    assert (quality["labels"], quality["asked_again"]) == ({"too strict": 1}, {"order id": 1})
    assert str(quality["human_cost_usd"]) == "4.200000"


async def test_an_approval_that_came_too_late_is_no_answer(place: Place) -> None:
    async with Agent("refunds", conversation="slow", bootstrap=place.broker) as agent, Wire(place.broker) as wire:
        with pytest.raises(NeedsApproval):
            await agent.propose("refund", {"amount": 300}, action_id="a", wait_approval=False)
        with pytest.raises(Blocked, match="Nobody approved it in time"):
            await agent.propose("refund", {"amount": 300}, action_id="a")
        await place.answer(wire, "slow", "approved")
        place.until("FROM events WHERE type = 'handrail.control.resolution.v1' AND conversation_id = 'slow'")
    (found,) = place.rows("FROM handoff_quality WHERE rule_id = 'needs-approval'")
    assert (found["n"], found["answered"], found["expired"]) == (1, 0, 1)
    assert place.rows("FROM resolutions_once WHERE conversation_id = 'slow'") == []
    assert len(place.rows("FROM resolutions WHERE conversation_id = 'slow'")) == 1


async def test_who_asks_for_a_person_and_gets_none_in_time_is_an_alert_and_unmet(place: Place) -> None:
    async with (
        Client(place.broker) as client,
        Wire(place.broker) as wire,
        Agent("front", conversation="met", client=client) as met,
        Agent("front", conversation="unmet", client=client) as unmet,
        Agent("front", conversation="approver", client=client) as approver,
    ):
        with pytest.raises(NeedsApproval):
            await approver.propose("refund", {"amount": 300}, action_id="a", wait_approval=False)
        for agent in (met, unmet, approver):
            assert (await agent.route("Let me talk to a human please")).route == "human"
        await place.answer(wire, "approver", "denied")
        await met.human_replied("Hello, this is Ann.", source=CHAT)
        place.until("SELECT 1 FROM alerts WHERE kind = 'sla' HAVING count(*) = 2")
        place.until("SELECT 1 FROM requests_for_a_human HAVING count(*) = 3")
    late = place.rows("SELECT conversation_id, severity FROM alerts WHERE kind = 'sla' ORDER BY ALL")
    assert late == [{"conversation_id": name, "severity": "high"} for name in ("approver", "unmet")]
    place.until("FROM always_a_human WHERE agent_id = 'front' AND unmet = 2")
    (found,) = place.rows("FROM always_a_human WHERE agent_id = 'front'")
    assert (found["asked"], found["answered"], found["unmet"], found["waiting"], found["late"]) == (3, 1, 2, 0, 0)
    assert 0 < found["p95_wait_s"] < 2
