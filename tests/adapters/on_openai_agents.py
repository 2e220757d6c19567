"""The scripted conversation on the OpenAI Agents SDK, with the SDK's own scripted model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import agents
import pytest
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call
from agents.usage import Usage

from handrail.adapters.openai_agents import run
from handrail.client import Agent
from tests.adapters.shop import Shop
from tests.adapters.talk import INPUT_TOKENS, OUTPUT_TOKENS, Conversation, Talk

agents.set_tracing_disabled(True)


def model(talk: Talk) -> ScriptedModel:
    """The script as a model."""

    def respond(call: Any) -> Any:
        items = [] if isinstance(call.input, str) else call.input
        talk.read = [str(item["output"]) for item in items if item.get("type") == "function_call_output"]
        turn, number = talk.next(), talk.turns
        if isinstance(turn, str):
            return [assistant_message(turn)]
        return [
            function_call(name, arguments, call_id=f"call-{number}-{at}") for at, (name, arguments) in enumerate(turn)
        ]

    total = INPUT_TOKENS + OUTPUT_TOKENS
    used = Usage(requests=1, input_tokens=INPUT_TOKENS, output_tokens=OUTPUT_TOKENS, total_tokens=total)
    return ScriptedModel([ModelStep.respond(respond) for _ in range(len(talk.script) + 1)], default_usage=used)


async def converse(agent: Agent, shop: Shop, talk: Talk) -> None:
    """With `run`."""
    tools: list[Any] = [agents.function_tool(shop.get_order), agents.function_tool(shop.issue_refund)]
    bot = agents.Agent(name="shop", model=model(talk), tools=tools)
    result = await run(agent, bot, "Please help me with my order.")
    talk.said = str(result.final_output)


@asynccontextmanager
async def example_model(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The SDK's scripted model."""
    yield model(talk)


EXAMPLE = "openai"
CONVERSATIONS = {"openai-agents": Conversation(converse)}
