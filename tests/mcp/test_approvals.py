"""Calls that wait for a person, and calls that the client cancels."""

import json
from pathlib import Path

import pytest

from tests.mcp.conftest import Place
from tests.mcp.proxies import answer_handoff, call, ping, proxy, recorded

pytestmark = pytest.mark.kafka


async def test_a_call_waits_for_a_person_while_everything_else_goes_on(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "approved") as session:
        session.say(call(1, "refund", amount=300))
        session.wait(lambda: "(handoff hf-" in session.stderr())
        assert session.ask(ping(2))["id"] == 2
        assert len(session.got) == 1
        await answer_handoff(handrail.bootstrap, "approved", "approved")
        assert session.answer()["result"]["content"][0]["text"] == "done refund"
        session.leave()


async def test_a_call_that_is_cancelled_while_it_waits_is_never_made_and_gets_the_approval_when_it_comes_again(
    handrail: Place, tmp_path: Path
) -> None:
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "cancelled") as session:
        session.say(call(1, "refund", amount=300))
        session.wait(lambda: "(handoff hf-" in session.stderr())
        session.say(cancelled)
        assert session.ask(ping(2))["id"] == 2
        await answer_handoff(handrail.bootstrap, "cancelled", "approved")
        assert session.ask(ping(3))["id"] == 3
        assert [json.loads(line)["method"] for line in session.got] == ["ping", "ping"]
        assert session.ask(call(1, "refund", amount=300))["result"]["content"][0]["text"] == "done refund"
        session.leave()
    assert len(await recorded(handrail.bootstrap, "cancelled", "action.proposed")) == 1


async def test_who_waits_too_long_for_a_person_is_told_to_come_again(handrail: Place, tmp_path: Path) -> None:
    options = ("--conversation", "again", "--approval-timeout-s", "0.2")
    with proxy(tmp_path, handrail.bootstrap, *options) as session:
        first = session.ask(call(1, "refund", amount=300))["result"]
        assert first["structuredContent"]["refused"] == "NeedsApproval"
        assert first["structuredContent"]["handoff_id"] in first["content"][0]["text"]
        handoff = await answer_handoff(handrail.bootstrap, "again", "denied")
        assert handoff["handoff_id"] == first["structuredContent"]["handoff_id"]
        session.wait(
            lambda: session.ask(call(2, "refund", amount=300))["result"]["structuredContent"]["refused"] == "Blocked"
        )
        assert session.got == []
        session.leave()


async def test_a_cancelled_call_that_the_server_has_goes_to_the_server(handrail: Place, tmp_path: Path) -> None:
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "sent") as session:
        session.say([call(1, "silent"), ping(2)])
        session.wait(lambda: len(session.got) == 2)
        session.say(cancelled)
        assert [data["id"] for data in session.answer()] == [2]  # the batch waits for it no longer
        session.wait(lambda: len(session.got) == 3)
        assert json.loads(session.got[-1]) == cancelled
        session.leave()
    executed = await recorded(handrail.bootstrap, "sent", "action.executed")
    assert [data["status"] for data in executed] == ["unknown"]
