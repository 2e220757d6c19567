"""LiteLLM tells what calls to a model used: really LiteLLM, over HTTP, to a scripted model on the loopback."""

import asyncio
import logging
import os
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest

from handrail.client import Agent, Halted
from tests.adapters.chat_api import chatting
from tests.adapters.conftest import Governing
from tests.adapters.talk import INPUT_TOKENS, OUTPUT_TOKENS, Talk
from tests.adapters.wire import events

pytestmark = [pytest.mark.kafka, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

MODEL = "openai/gpt-4.1-mini"
QUERY = [{"role": "user", "content": "Where is my order?"}]


@pytest.fixture
def litellm() -> Iterator[Any]:
    """LiteLLM with the prices it brings along, and without the callbacks of other tests."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    module = import_module("litellm")
    module.callbacks = []
    yield module
    module.logging_callback_manager._reset_all_callbacks()


@pytest.fixture
def telling(litellm: Any) -> Any:
    """The callback, as a program sets it once."""
    from handrail.adapters.litellm import Telling

    callback = Telling()
    litellm.callbacks.append(callback)
    return callback


async def used(governing: Governing, conversation: str) -> list[dict[str, Any]]:
    return [data for kind, data in await events(governing.bootstrap, conversation) if kind == "llm.completed"]


async def test_usage_cost_and_latency_are_told(governing: Governing, litellm: Any, telling: Any) -> None:
    async with (
        chatting(Talk(["On its way."])) as url,
        Agent("shop", conversation="litellm-used", bootstrap=governing.bootstrap) as agent,
        telling.of(agent) as metadata,
    ):
        response = await litellm.acompletion(MODEL, QUERY, metadata=metadata, api_base=url, api_key="scripted")
    assert response.choices[0].message.content == "On its way."
    (data,) = await used(governing, "litellm-used")
    assert data["model"] == {"provider": "openai", "name": "gpt-4.1-mini"}
    expected = {"input_tokens": INPUT_TOKENS, "cached_input_tokens": 100, "output_tokens": OUTPUT_TOKENS}
    assert data["usage"] == expected
    assert 0 < Decimal(data["cost_usd"]) < 1
    assert data["latency_ms"] > 0
    assert data.get("error") is None


async def test_a_streamed_answer_is_told_once(governing: Governing, litellm: Any, telling: Any) -> None:
    async with (
        chatting(Talk(["On its way."])) as url,
        Agent("shop", conversation="litellm-stream", bootstrap=governing.bootstrap) as agent,
        telling.of(agent) as metadata,
    ):
        options = {"stream": True, "stream_options": {"include_usage": True}}
        parts = await litellm.acompletion(MODEL, QUERY, metadata=metadata, api_base=url, api_key="scripted", **options)
        async for _ in parts:
            pass
    (data,) = await used(governing, "litellm-stream")
    assert (data["usage"]["input_tokens"], data["usage"]["output_tokens"]) == (INPUT_TOKENS, OUTPUT_TOKENS)


async def test_a_call_that_fails_is_told_as_an_error(governing: Governing, litellm: Any, telling: Any) -> None:
    async with (
        chatting(Talk(["fails"])) as url,
        Agent("shop", conversation="litellm-error", bootstrap=governing.bootstrap) as agent,
        telling.of(agent) as metadata,
    ):
        with pytest.raises(litellm.BadRequestError):
            await litellm.acompletion(MODEL, QUERY, metadata=metadata, api_base=url, api_key="scripted")
    (data,) = await used(governing, "litellm-error")
    assert "no such thing" in data["error"]
    assert data["usage"]["output_tokens"] == 0


async def test_calls_of_agents_at_the_same_time_are_not_mixed(governing: Governing, litellm: Any, telling: Any) -> None:
    async def converse(number: int, url: str) -> None:
        async with (
            Agent("shop", conversation=f"litellm-many-{number}", bootstrap=governing.bootstrap) as agent,
            telling.of(agent) as metadata,
        ):
            for _ in range(number):
                await litellm.acompletion(MODEL, QUERY, metadata=metadata, api_base=url, api_key="scripted")

    async with chatting(Talk(["Yes."] * 11)) as url:
        await litellm.acompletion(MODEL, QUERY, api_base=url, api_key="scripted")  # nobody's
        await asyncio.gather(*(converse(number, url) for number in (1, 2, 3, 4)))
    assert [len(await used(governing, f"litellm-many-{number}")) for number in (1, 2, 3, 4)] == [1, 2, 3, 4]


async def test_a_second_callback_tells_as_well(governing: Governing, litellm: Any, telling: Any) -> None:
    second = type(telling)()
    litellm.callbacks.append(second)
    async with (
        chatting(Talk(["Yes."])) as url,
        Agent("shop", conversation="litellm-second", bootstrap=governing.bootstrap) as agent,
        second.of(agent) as metadata,
    ):
        await litellm.acompletion(MODEL, QUERY, metadata=metadata, api_base=url, api_key="scripted")
    assert len(await used(governing, "litellm-second")) == 1, "LiteLLM keeps the first of a class"


async def test_a_cost_limit_that_is_passed_halts_what_is_asked_next(
    governing: Governing, litellm: Any, telling: Any
) -> None:
    dear = {"input_cost_per_token": 1, "output_cost_per_token": 1}
    async with (
        chatting(Talk(["Yes."])) as url,
        Agent("shop", conversation="litellm-limit", bootstrap=governing.bootstrap) as agent,
    ):
        async with telling.of(agent) as metadata:
            await litellm.acompletion(MODEL, QUERY, metadata=metadata, api_base=url, api_key="scripted", **dear)
        with pytest.raises(Halted, match=r"limit\.cost"):
            await agent.propose("get_order", {"order_id": "A-1"})


async def test_a_blocking_call_says_that_it_is_not_told(
    governing: Governing, litellm: Any, telling: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        chatting(Talk(["Yes."])) as url,
        Agent("shop", conversation="litellm-blocking", bootstrap=governing.bootstrap) as agent,
        telling.of(agent) as metadata,
    ):
        with caplog.at_level(logging.ERROR, "handrail.adapters"):
            await asyncio.to_thread(
                litellm.completion, MODEL, QUERY, metadata=metadata, api_base=url, api_key="scripted"
            )
            async with asyncio.timeout(10):
                while "use `acompletion`" not in caplog.text:  # it calls back in a thread  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
    assert await used(governing, "litellm-blocking") == []
