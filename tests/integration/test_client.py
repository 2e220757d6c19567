"""Agents that talk to a real worker over a real broker."""

import asyncio
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.broker import EmbeddedBroker
from handrail.client import (
    Agent,
    Blocked,
    BlockingAgent,
    Client,
    ConfigError,
    Halted,
    NeedsApproval,
    NoDecision,
    NotRecorded,
    Unreachable,
)
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, HANDOFFS, PARTITIONS, RESOLUTIONS
from handrail.streams.engine.topics import ensure_topics
from tests.desk import resolution
from tests.topics import Wire, read
from tests.workers import worker

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / "handrail" / "demo" / "policies"


@pytest.fixture(scope="module")
def handrail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker with a worker; tests take conversations of their own."""
    with (
        EmbeddedBroker() as broker,
        worker(broker.bootstrap, tmp_path_factory.mktemp("client"), "--policies", str(POLICIES)),
    ):
        yield broker.bootstrap


async def resolve(bootstrap: str, conversation: str, outcome: str) -> None:
    """A person answers the handoff of the conversation, as soon as it is there."""
    async with Wire(bootstrap, HANDOFFS) as wire:
        while (handoff := orjson.loads((await wire.next()).value)["data"])["conversation_id"] != conversation:
            pass
        digest = handoff["pending"]["action_digest"]
        await wire.publish(resolution(handoff, outcome, action_digest=digest), RESOLUTIONS)


async def log_of(bootstrap: str, conversation: str) -> list[dict[str, Any]]:
    """What agents told of the conversation, in the order of the log."""
    records = await read(bootstrap, AGENT_EVENTS, PARTITIONS)
    events = [orjson.loads(record.value) for record in records if record.key == conversation.encode()]
    return [event for event in events if not event["type"].startswith("handrail.control.")]


async def test_a_conversation_from_the_first_query_to_the_end(broker: str, tmp_path: Path) -> None:
    with worker(broker, tmp_path, "--policies", str(POLICIES)):
        async with Agent("shop", conversation="whole", bootstrap=broker, customer={"ref": "c-1"}) as agent:
            assert (await agent.route("I want my money back for order A-1005.")).route == "ai"
            order = await agent.propose("get_order", {"order_id": "A-1005"})
            await agent.executed(order, {"total": 900})
            with pytest.raises(Blocked) as caught:
                await agent.propose("issue_refund", {"order_id": "A-1005", "amount": 900})
            asked = asyncio.create_task(agent.propose("issue_refund", {"order_id": "A-1005", "amount": 300}))
            await resolve_approval(broker, "whole")
            permit = await asked
            await agent.executed(permit, {"refunded": 300})
            await agent.respond("You get $300 back.", confidence=0.9)
            await agent.ended("resolved")
        events = await log_of(broker, "whole")
    assert caught.value.decision is not None
    assert caught.value.customer_message.startswith("A refund of this size")
    assert permit.decision is not None
    assert permit.decision.kind == "release"
    assert [event["type"].removeprefix("handrail.").removesuffix(".v1") for event in events] == [
        "execution.started",
        "query.received",
        "action.proposed",
        "action.executed",
        "action.proposed",
        "action.proposed",
        "action.executed",
        "response.proposed",
        "message.sent",
        "execution.ended",
    ]


async def resolve_approval(bootstrap: str, conversation: str) -> None:
    """Approve what waits, whatever else was handed off."""
    async with Wire(bootstrap, HANDOFFS) as wire:
        while True:
            handoff = orjson.loads((await wire.next()).value)["data"]
            if handoff["conversation_id"] == conversation and handoff["kind"] == "approval":
                digest = handoff["pending"]["action_digest"]
                await wire.publish(resolution(handoff, "approved", action_digest=digest), RESOLUTIONS)
                return


async def test_a_denied_approval_is_a_block(handrail: str) -> None:
    async with Agent("shop", conversation="denied", bootstrap=handrail) as agent:
        asked = asyncio.create_task(agent.propose("issue_refund", {"order_id": "1", "amount": 300}))
        await resolve(handrail, "denied", "denied")
        with pytest.raises(Blocked) as caught:
            await asked
    assert caught.value.decision is not None
    assert [reason.code for reason in caught.value.decision.reasons] == ["approval.denied"]


async def test_who_does_not_wait_for_an_approval_or_not_long_enough_has_none(handrail: str) -> None:
    async with Agent("shop", conversation="slow", bootstrap=handrail, approval_timeout_s=0.2) as agent:
        with pytest.raises(NeedsApproval, match="nobody approved it"):
            await agent.propose("issue_refund", {"order_id": "1", "amount": 300})
        with pytest.raises(NeedsApproval) as caught:
            await agent.propose("issue_refund", {"order_id": "1", "amount": 301}, wait_approval=False)
    assert caught.value.decision is not None
    assert caught.value.decision.handoff_id


async def test_a_loop_is_halted_and_a_person_takes_over(handrail: str) -> None:
    async with Agent("shop", conversation="loop", bootstrap=handrail) as agent:

        @agent.tool
        def get_order(order_id: str) -> dict[str, Any]:
            return {"order": order_id}

        await get_order("1")
        await get_order("1")
        with pytest.raises(Blocked, match=r"loop\.repeat"):
            await get_order("1")
        with pytest.raises(Halted):
            await get_order("1")
        with pytest.raises(Halted):
            await agent.respond("I am still on it.", confidence=0.9)
        assert (await agent.route("Hello?")).route == "human"


async def test_a_person_who_takes_over_stops_writing_actions(handrail: str) -> None:
    async with Agent("shop", conversation="taken", bootstrap=handrail) as agent:
        assert (await agent.human_requested(channel="button")).route == "human"
        assert (await agent.propose("get_order", {"order_id": "1"})).allowed
        with pytest.raises(Blocked, match="A human owns this conversation"):
            await agent.propose("issue_refund", {"order_id": "1", "amount": 20})


async def test_64_conversations_at_once_over_one_connection(handrail: str) -> None:
    async def ask(number: int) -> list[Any]:
        name = f"many-{number}"
        async with Agent("shop", conversation=name, client=client) as agent:
            route = await agent.route("Where is my order?")
            permit = await agent.propose("issue_refund", {"order_id": name, "amount": 20 + number})
            await agent.executed(permit, {"ok": True})
            try:
                await agent.propose("issue_refund", {"order_id": name, "amount": 1000 + number})
            except Blocked as blocked:
                decided = [permit.decision, blocked.decision]
            await agent.ended("resolved")
        return [
            route.route,
            *(decision.conversation_id for decision in decided if decision),
            decided[1].reasons[0].evidence["value"],
        ]

    async with Client(handrail) as client:
        answers = await asyncio.gather(*map(ask, range(64)))
    assert answers == [["ai", f"many-{n}", f"many-{n}", 1000 + n] for n in range(64)]


async def test_agents_without_a_client_share_the_connection_and_the_last_one_closes_it(handrail: str) -> None:
    async with Agent("shop", conversation="share-1", bootstrap=handrail) as first:
        async with Agent("shop", conversation="share-2", bootstrap=handrail) as second:
            assert first.client.connection is second.client.connection
        assert (await first.propose("get_order", {"order_id": "1"})).allowed
    async with Agent("shop", conversation="share-3", bootstrap=handrail) as third:
        assert (await third.propose("get_order", {"order_id": "1"})).allowed


async def test_a_partition_is_read_again_after_it_rested(handrail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handrail.client.decision_consumer.IDLE_S", 0.0)
    same = [name for name in map("rest-{}".format, range(100)) if partition_of(name.encode(), PARTITIONS) == 0]
    async with Client(handrail) as client:
        for name in same[:5]:
            async with Agent("shop", conversation=name, client=client) as agent:
                assert (await agent.propose("get_order", {"order_id": "1"})).allowed
            async with Agent("shop", conversation=same[-1], bootstrap=handrail, observe=True):
                await asyncio.sleep(0)  # the timer of the first one fires


def test_the_blocking_agent_does_the_same(handrail: str) -> None:
    async def fetch(order_id: str) -> str:
        await asyncio.sleep(0)
        return order_id

    with BlockingAgent("shop", conversation="blocking", bootstrap=handrail) as agent:
        assert agent.route("Where is my order?").route == "ai"
        here = agent.tool(lambda order_id: threading.current_thread(), name="get_order")
        assert here("1") is threading.current_thread()
        assert agent.tool(fetch, effect="read")("A-1") == "A-1"
        with pytest.raises(Blocked):
            agent.propose("issue_refund", {"order_id": "1", "amount": 900})
        agent.ended("resolved")
    events = asyncio.run(log_of(handrail, "blocking"))
    assert [event["data"]["tool"] for event in events if event["type"] == "handrail.action.executed.v1"] == [
        "get_order",
        "fetch",
    ]


def test_blocking_agents_work_in_many_threads(handrail: str) -> None:
    answers: dict[int, bool] = {}

    def ask(number: int) -> None:
        with BlockingAgent("shop", conversation=f"thread-{number}", bootstrap=handrail) as agent:
            answers[number] = agent.propose("get_order", {"order_id": str(number)}).allowed

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == dict.fromkeys(range(8), True)
    assert [thread.name for thread in threading.enumerate()].count("handrail") == 1


FORKED = """
import os, sys
from handrail.client import BlockingAgent, ConfigError

agent = BlockingAgent("shop", conversation="fork", bootstrap=sys.argv[1]).__enter__()
if os.fork():
    _, status = os.wait()
    allowed = agent.propose("get_order", {"order_id": "1"}).allowed
    print("parent", allowed, os.waitstatus_to_exitcode(status), flush=True)
else:
    try:
        agent.propose("get_order", {"order_id": "1"})
    except ConfigError as error:
        print(error, flush=True)
    with BlockingAgent("shop", conversation="forked", bootstrap=sys.argv[1]) as own:
        print("child", own.propose("get_order", {"order_id": "1"}).allowed, flush=True)
"""


def test_a_forked_process_is_told_to_make_its_own(handrail: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED, handrail]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    said = done.stdout.splitlines()
    assert "before this process was forked: make one here" in said[0], done.stderr
    assert said[1:] == ["child True", "parent True 0"], done.stderr


async def test_another_event_loop_is_told_to_make_its_own(handrail: str) -> None:
    def elsewhere(agent: Agent) -> str:
        with pytest.raises(ConfigError) as caught:
            asyncio.run(agent.propose("get_order", {"order_id": "1"}))
        return str(caught.value)

    async with Agent("shop", conversation="loops", bootstrap=handrail) as agent:
        assert "another event loop" in await asyncio.to_thread(elsewhere, agent)
        assert (await agent.propose("get_order", {"order_id": "1"})).allowed


async def test_an_observed_agent_is_recorded_and_never_stopped(handrail: str) -> None:
    async with Agent("shop", conversation="watched", bootstrap=handrail, observe=True) as agent:
        await agent.route("I want my money back")
        permit = await agent.propose("get_order", {"order_id": "1"})
        await agent.executed(permit, {"total": 3})
        asked = await agent.propose("issue_refund", {"order_id": "1", "amount": 900})
        assert asked.allowed
        decision = await agent.decided(asked)
        await agent.ended("resolved")
    assert decision is not None
    assert decision.verdict == "block"
    assert len(await log_of(handrail, "watched")) == 6


async def test_without_a_worker_there_is_no_decision(embedded: str) -> None:
    await ensure_topics(embedded)
    async with Agent("shop", conversation="alone", bootstrap=embedded, timeout_s=0.5) as agent:
        with pytest.raises(NoDecision, match="is a worker running"):
            await agent.propose("get_order", {"order_id": "1"})


async def test_without_topics_the_agent_says_so(embedded: str) -> None:
    with pytest.raises(Unreachable, match=r"no topics agent\.events\.v1"):
        async with Agent("shop", conversation="bare", bootstrap=embedded, timeout_s=0.5):
            pass


async def test_a_broker_that_is_away_is_one_error_within_the_timeout(caplog: pytest.LogCaptureFixture) -> None:
    started = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        async with Agent("shop", conversation="away", bootstrap="127.0.0.1:1", timeout_s=0.5):
            pass
    assert time.monotonic() - started < 5
    assert str(caught.value).count("\n") == 0
    assert "Kafka at 127.0.0.1:1: nothing listens there (tried for 0.5 s)" in str(caught.value)
    assert caplog.records == []
    async with Agent("shop", conversation="away", bootstrap="127.0.0.1:1", timeout_s=0.5, observe=True) as agent:
        assert (await agent.propose("issue_refund", {"amount": 900})).allowed
    assert "2 events were not recorded by Kafka at 127.0.0.1:1" in caplog.text


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # aiokafka leaves the sockets that the broker closed
async def test_a_broker_that_goes_away_leaves_no_permit_and_lets_the_agent_end() -> None:
    with EmbeddedBroker() as broker:
        await ensure_topics(broker.bootstrap)
        started = time.monotonic()
        async with Agent("shop", conversation="gone", bootstrap=broker.bootstrap, timeout_s=1) as agent:
            broker.stop()
            with pytest.raises(NoDecision, match="it could not be asked"):
                await agent.propose("get_order", {"order_id": "1"})
            with pytest.raises(NotRecorded):
                await agent.ended("error")
        assert time.monotonic() - started < 15


async def test_a_login_that_kafka_does_not_offer_is_unreachable(embedded: str) -> None:
    with pytest.raises(ConfigError, match="security: password is not known"):
        Client(embedded, security={"password": "x"})
    with pytest.raises(ConfigError, match="security: `ssl_context` is mandatory"):
        async with Client(embedded, security={"security_protocol": "SSL"}):
            pass
    security = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context()}
    with pytest.raises(Unreachable):
        async with Client(embedded, timeout_s=1, security=security):
            pass
