"""What is particular to the Claude Agent SDK; the real `claude` program runs."""

from dataclasses import replace
from typing import Any

import pytest
from claude_agent_sdk import AgentDefinition, ClaudeSDKClient, HookMatcher, ResultMessage, query

from handrail.adapters.claude_agent import Governed
from handrail.client import Halted
from tests.adapters.messages_api import PREFIX, scripted
from tests.adapters.on_claude_agent import MODEL, home, options
from tests.adapters.shop import Shop
from tests.adapters.talk import INPUT_TOKENS, OUTPUT_TOKENS, Talk
from tests.unit.client.inprocess import Governor

ORDER: Any = [("get_order", {"order_id": "A-1"})]


async def test_a_session_tells_what_each_answer_used_and_says_each_answer() -> None:
    governor, shop, talk = Governor(), Shop(), Talk([ORDER, "It is on its way.", "You are welcome."])
    with home() as folder:
        async with (
            scripted(talk) as url,
            governor.agent(timeout_s=5) as agent,
            Governed(agent, options(shop, url, folder)) as shop_session,
            ClaudeSDKClient(shop_session.options) as client,
        ):
            for prompt in ("Where is my order?", "Thank you!"):
                await client.query(prompt)
                async for _ in shop_session.told(client.receive_response()):
                    pass
    assert [data["text"] for data in governor.published("message.sent")] == ["It is on its way.", "You are welcome."]
    used = governor.published("llm.completed")
    assert [data["model"] for data in used] == [{"provider": "anthropic", "name": MODEL}] * 2
    assert [data["usage"]["input_tokens"] for data in used] == [2 * INPUT_TOKENS, INPUT_TOKENS]
    assert [data["usage"]["output_tokens"] for data in used] == [2 * OUTPUT_TOKENS, OUTPUT_TOKENS]
    assert all(float(data["cost_usd"]) > 0 for data in used)


async def test_what_the_options_do_not_permit_does_not_run_though_it_was_allowed() -> None:
    governor, shop, talk = Governor(), Shop(), Talk([ORDER, "I may not look."])
    with home() as folder:
        async with scripted(talk) as url, governor.agent(timeout_s=5) as agent:
            given = replace(options(shop, url, folder), allowed_tools=[])
            async with Governed(agent, given) as shop_session:
                async for _ in shop_session.told(query(prompt="help", options=shop_session.options)):
                    pass
    assert shop.ran == []
    (told,) = governor.published("action.executed")
    assert told["status"] == "unknown"


async def test_without_handrail_no_tool_runs() -> None:
    governor, shop, talk = Governor(), Shop(), Talk([ORDER, "I cannot look."])
    with home() as folder:
        async with (
            scripted(talk) as url,
            governor.agent(timeout_s=0.2) as agent,
            Governed(agent, options(shop, url, folder)) as shop_session,
        ):
            governor.changed = lambda decided: None if decided["kind"] == "action" else decided
            async for _ in shop_session.told(query(prompt="help", options=shop_session.options)):
                pass
    assert shop.ran == []
    assert "Do not retry it" in talk.read[0]


async def test_a_hook_that_breaks_blocks() -> None:
    governor, shop, talk = Governor(), Shop(), Talk([ORDER, "I cannot look."])
    with home() as folder:
        async with (
            scripted(talk) as url,
            governor.agent(timeout_s=5) as agent,
            Governed(agent, options(shop, url, folder)) as shop_session,
        ):
            shop_session._calls = None  # type: ignore[assignment]
            messages = query(prompt="help", options=shop_session.options)
            results = [message async for message in messages if isinstance(message, ResultMessage)]
    assert shop.ran == []
    assert len(results) == 1


async def test_the_hooks_of_the_options_stay() -> None:
    called = list[str]()

    async def own(given: Any, _: str | None, __: Any) -> Any:
        called.append(given["tool_name"])
        return {}

    governor, shop, talk = Governor(), Shop(), Talk([ORDER, "It is on its way."])
    with home() as folder:
        async with scripted(talk) as url, governor.agent(timeout_s=5) as agent:
            given = replace(options(shop, url, folder), hooks={"PostToolUse": [HookMatcher(hooks=[own])]})
            async with Governed(agent, given) as shop_session:
                async for _ in shop_session.told(query(prompt="help", options=shop_session.options)):
                    pass
    assert called == [f"{PREFIX}get_order"]
    assert governor.published("action.executed")[0]["status"] == "ok"


async def test_arguments_that_another_hook_changed_are_told_as_an_error() -> None:
    async def doubles(given: Any, _: str | None, __: Any) -> Any:
        changed = {**given["tool_input"], "amount": 40}
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", "updatedInput": changed}}

    refund: Any = [("issue_refund", {"order_id": "A-1", "amount": 20})]
    governor, shop, talk = Governor(), Shop(), Talk([refund, "Done."])
    with home() as folder:
        async with scripted(talk) as url, governor.agent(timeout_s=5) as agent:
            given = replace(options(shop, url, folder), hooks={"PreToolUse": [HookMatcher(hooks=[doubles])]})
            async with Governed(agent, given) as shop_session:
                async for _ in shop_session.told(query(prompt="help", options=shop_session.options)):
                    pass
    assert shop.ran == [("issue_refund", 40)], "nothing can stop a hook beside ours; it is seen"
    (told,) = governor.published("action.executed")
    assert (told["status"], "'amount': 40" in told["error"]) == ("unknown", True)


async def test_a_sub_agents_calls_are_governed_and_a_halt_in_it_ends_the_run() -> None:
    helper = AgentDefinition(description="Finds orders.", prompt="Find orders.", tools=[f"{PREFIX}get_order"])
    asks: Any = [("Agent", {"subagent_type": "helper", "description": "find it", "prompt": "Find order A-1."})]
    governor, shop, talk = Governor(), Shop(), Talk([asks, ORDER, ORDER, ORDER, ORDER, "Found.", "It is on its way."])
    with home() as folder:
        async with scripted(talk) as url, governor.agent(timeout_s=5) as agent:
            given = options(shop, url, folder)
            permitted = ["Agent", *given.allowed_tools]
            given = replace(given, agents={"helper": helper}, tools=["Agent"], allowed_tools=permitted)
            async with Governed(agent, given) as shop_session:
                with pytest.raises(Halted):
                    async for _ in shop_session.told(query(prompt="help", options=shop_session.options)):
                        pass
    assert len(shop.ran) == 2
    proposed = [data["tool"] for data in governor.published("action.proposed")]
    assert proposed == ["Agent"] + [f"{PREFIX}get_order"] * 4
    assert governor.published("message.sent") == []
