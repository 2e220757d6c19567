"""Frameworks that tell no usage, an answer out of a cache, and streams and calls that are left before their end."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from typing import Any

import agents
import pytest
from agents.testing import ModelStep, ScriptedModel, assistant_message
from agents.usage import Usage
from claude_agent_sdk import AssistantMessage, ClaudeAgentOptions, ResultMessage, TextBlock
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from handrail.adapters import claude_agent
from handrail.adapters.langgraph import Governed
from handrail.adapters.openai_agents import governed, run
from handrail.adapters.usage import known_usage, usage_of_failure
from tests.unit.client.inprocess import Governor

MODEL = "openai/gpt-4.1"
QUERY: Any = [{"role": "user", "content": "Where is my parcel?"}]
LIMIT_S = 1.0
ZEROS = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


def calls(governor: Governor) -> list[dict[str, Any]]:
    return governor.published("llm.completed")


class Chat(BaseChatModel):
    """Answers with that usage; or waits for ever, or fails."""

    usage: Any = None
    error: Any = None
    waits: bool = False

    @property
    def _llm_type(self) -> str:
        return "openai"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        if self.error is not None:
            raise self.error
        message = AIMessage("On its way.", usage_metadata=self.usage)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, *given: Any, **more: Any) -> ChatResult:
        if self.waits:
            await asyncio.Event().wait()
        return self._generate(*given, **more)


class Refused(Exception):
    def __init__(self, status_code: int | None) -> None:
        self.status_code = status_code


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


# --- LangGraph


@pytest.mark.parametrize("usage", [None, ZEROS])
async def test_langgraph_tells_a_call_without_usage_as_unknown(usage: Any) -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:
        await create_agent(Chat(usage=usage), [], middleware=[Governed(agent)]).ainvoke({"messages": QUERY})
        permit = await agent.propose("get_order", {"order_id": "A-1"})
    (told,) = calls(governor)
    assert told.get("usage") is None
    assert permit.decision is not None
    assert permit.decision.usage.unknown_calls == 1


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (RuntimeError("overloaded"), True),
        (Refused(500), True),
        (Refused(408), True),
        (Refused(None), True),
        (Refused(429), False),
        (Refused(400), False),
    ],
)
async def test_langgraph_tells_a_failure_as_unknown_unless_it_was_refused(error: Exception, unknown: bool) -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:
        bot = create_agent(Chat(error=error), [], middleware=[Governed(agent)])
        with pytest.raises(type(error)):
            await bot.ainvoke({"messages": QUERY})
    (told,) = calls(governor)
    assert (told.get("usage") is None) == unknown
    assert type(error).__name__ in told["error"]


async def test_langgraph_tells_a_call_that_is_cancelled() -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:
        bot = create_agent(Chat(waits=True), [], middleware=[Governed(agent)])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await bot.ainvoke({"messages": QUERY})
        await until(lambda: bool(calls(governor)), LIMIT_S)
    (told,) = calls(governor)
    assert (told.get("usage"), "CancelledError" in told["error"]) == (None, True)


async def test_langgraph_tells_a_stream_that_the_customer_left() -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:
        bot = create_agent(Chat(waits=True), [], middleware=[Governed(agent)])
        stream = bot.astream({"messages": QUERY}, stream_mode="messages")
        reading = asyncio.ensure_future(anext(aiter(stream)))
        await asyncio.sleep(0.3)
        reading.cancel()
        await asyncio.wait({reading})
        await until(lambda: bool(calls(governor)), LIMIT_S)
    assert len(calls(governor)) == 1


# --- OpenAI Agents SDK


def scripted(*steps: Any, usage: Usage | None = None) -> ScriptedModel:
    return ScriptedModel(list(steps), default_usage=usage or Usage())


@pytest.mark.parametrize("requests", [0, 1])
async def test_openai_tells_a_call_without_usage_as_unknown(requests: int) -> None:
    governor = Governor()
    model = scripted(ModelStep(output=[assistant_message("Hello.")]), usage=Usage(requests=requests))
    async with governor.agent(timeout_s=5) as agent:
        await run(agent, agents.Agent(name="shop", model=model), "help")
    assert [one.get("usage") for one in calls(governor)] == [None]


async def test_openai_tells_a_model_that_fails() -> None:
    governor = Governor()

    def breaks(_: Any) -> Any:
        raise RuntimeError("overloaded")

    async with governor.agent(timeout_s=5) as agent:
        bot = agents.Agent(name="shop", model=scripted(ModelStep.respond(breaks)))
        with pytest.raises(RuntimeError, match="overloaded"):
            await run(agent, bot, "help")
        (told,) = calls(governor)
    assert (told.get("usage"), told["error"]) == (None, "RuntimeError: overloaded")
    assert len(calls(governor)) == 1, "not again when the block is left"


async def test_openai_tells_a_call_that_is_cancelled_and_one_that_is_left() -> None:
    governor = Governor()

    async def waits(_: Any) -> Any:
        await asyncio.Event().wait()

    async with governor.agent(timeout_s=5) as agent:
        model = scripted(*[ModelStep.respond(waits)] * 2)
        bot = agents.Agent(name="shop", model=model)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await run(agent, bot, "help")
        assert len(calls(governor)) == 1
        result = agents.Runner.run_streamed(governed(agent, bot), "help")
        await until(lambda: len(model.calls) == 2)
        result.cancel()
    assert [one.get("usage") for one in calls(governor)] == [None, None]


async def test_openai_keeps_nothing_of_runs_that_are_over() -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:
        for _ in range(3):
            await run(
                agent, agents.Agent(name="shop", model=scripted(ModelStep(output=[assistant_message("Hi.")]))), "?"
            )
        bot = governed(agent, agents.Agent(name="shop", model=scripted(ModelStep(output=[assistant_message("Hm.")]))))
        await run(agent, bot, "?")
        assert len(agent._exit_callbacks) == 1
    assert len(calls(governor)) == 4


# --- Claude Agent SDK

SPOKE = AssistantMessage(content=[TextBlock("On its way.")], model="claude-sonnet-4-5")


def ended(**more: Any) -> ResultMessage:
    spent = {"duration_ms": 900, "duration_api_ms": 800, "is_error": False, "num_turns": 1, "session_id": "s"}
    return ResultMessage(**{"subtype": "success", "result": "On its way.", **spent, **more})


async def told_of(governor: Governor, messages: list[Any], take: int | None = None) -> None:
    async def given() -> AsyncIterator[Any]:
        for message in messages:
            yield message

    async with (
        governor.agent(timeout_s=5) as agent,
        claude_agent.Governed(agent, ClaudeAgentOptions()) as shop,
    ):
        seen = 0
        told = shop.told(given())
        async for _ in told:
            seen += 1
            if seen == take:
                await told.aclose()  # type: ignore[attr-defined]
                break


async def test_claude_tells_a_result_without_usage_as_unknown() -> None:
    governor = Governor()
    await told_of(governor, [SPOKE, ended()])
    (told,) = calls(governor)
    assert (told.get("usage"), told["model"]["name"]) == (None, "claude-sonnet-4-5")


async def test_claude_tells_the_usage_of_a_turn_whose_models_are_not_told_apart() -> None:
    governor = Governor()
    usage = {"input_tokens": 5, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5, "output_tokens": 7}
    await told_of(governor, [SPOKE, ended(usage=usage)])
    (told,) = calls(governor)
    assert told["usage"] == {"input_tokens": 100, "cached_input_tokens": 90, "output_tokens": 7}


async def test_claude_tells_a_turn_that_is_left_or_ends_without_a_result() -> None:
    for take in (1, None):
        governor = Governor()
        await told_of(governor, [SPOKE] * 3, take)
        (told,) = calls(governor)
        assert (told.get("usage"), told["model"]["name"]) == (None, "claude-sonnet-4-5")
        assert "left before its result" in told["error"]


async def test_claude_takes_a_cost_of_nothing_as_unknown_and_a_result_of_no_model_as_no_call() -> None:
    governor = Governor()
    used = {"inputTokens": 1_000_000, "outputTokens": 0, "costUSD": 0}
    await told_of(governor, [SPOKE, ended(model_usage={"claude-sonnet-4-5": used}), ended(duration_api_ms=0)])
    (told,) = calls(governor)
    assert told["usage"]["input_tokens"] == 1_000_000
    assert "cost_usd" not in told


# --- LiteLLM


@pytest.fixture
def litellm() -> Iterator[Any]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    found: Any = import_module("litellm")
    caching = import_module("litellm.caching.caching")
    found.callbacks, found.cache = [], caching.Cache(type="local")
    yield found
    found.cache = None
    found.logging_callback_manager._reset_all_callbacks()


@pytest.fixture
def telling(litellm: Any) -> Any:
    from handrail.adapters.litellm import Telling

    found = Telling()
    litellm.callbacks.append(found)
    return found


LITELLM = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@LITELLM
async def test_litellm_tells_answers_out_of_its_cache_as_cached(litellm: Any, telling: Any) -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:
        for _ in range(4):  # a block for each, so that each is told before its own is left
            async with telling.of(agent) as metadata:
                await litellm.acompletion(MODEL, QUERY, metadata=metadata, mock_response="On its way.", caching=True)
        permit = await agent.propose("get_order", {"order_id": "A-1"})
    assert [one.get("cached", False) for one in calls(governor)] == [False, True, True, True]
    spent = calls(governor)[0]["cost_usd"]
    assert permit.decision is not None
    assert float(permit.decision.usage.cost_usd) == pytest.approx(float(spent), abs=1e-6)


@LITELLM
async def test_litellm_tells_a_stream_that_is_left_within_a_second(litellm: Any, telling: Any) -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:
        async with telling.of(agent) as metadata:
            parts = await litellm.acompletion(
                MODEL, QUERY, metadata=metadata, mock_response="On its way. " * 2000, stream=True
            )
            for _ in range(5):
                await anext(parts)
            left_s = time.monotonic()
        assert time.monotonic() - left_s < LIMIT_S
    (told,) = calls(governor)
    assert (told.get("usage"), "left" in told["error"]) == (None, True)
    assert told["model"] == {"provider": "openai", "name": "gpt-4.1"}


@LITELLM
async def test_litellm_tells_a_call_that_is_cancelled_within_a_second(litellm: Any, telling: Any) -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent:

        async def asks() -> None:
            async with telling.of(agent) as metadata:
                await litellm.acompletion(MODEL, QUERY, metadata=metadata, mock_response="On its way.", mock_delay=60)

        asking = asyncio.ensure_future(asks())
        await until(lambda: any(one.calls for one in telling._agents.values()))
        asking.cancel()
        left_s = time.monotonic()
        await asyncio.wait({asking})
        assert time.monotonic() - left_s < LIMIT_S
    (told,) = calls(governor)
    assert told.get("usage") is None


@LITELLM
async def test_litellm_tells_streams_and_calls_that_end_once_and_with_what_they_used(
    litellm: Any, telling: Any
) -> None:
    governor = Governor()
    async with governor.agent(timeout_s=5) as agent, telling.of(agent) as metadata:
        for stream in (True, False, True):
            said = await litellm.acompletion(
                MODEL, QUERY, metadata=metadata, mock_response="On its way.", stream=stream
            )
            if stream:
                async for _ in said:
                    pass
    assert [one["usage"]["output_tokens"] > 0 for one in calls(governor)] == [True] * 3


# --- in all of them


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ((0, 0), False),
        ((None, None), False),
        ((0, 7), False),
        ((7, None), False),
        ((7, 0), True),
        ((7, 1, None), True),
    ],
)
def test_no_input_is_no_usage(given: Any, known: bool) -> None:
    assert (known_usage(*given) is not None) == known


def test_a_failure_without_a_status_used_nobody_knows_what() -> None:
    assert usage_of_failure("500") is None
    assert usage_of_failure(Refused(422)) == {"input_tokens": 0, "output_tokens": 0}
