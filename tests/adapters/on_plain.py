"""The scripted conversation in a loop of one's own: plain Python needs no adapter."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from handrail.client import Agent, GovernanceError, Halted, NotRecorded
from tests.adapters.shop import Shop
from tests.adapters.talk import INPUT_TOKENS, MODEL, OUTPUT_TOKENS, Conversation, Talk


async def converse(agent: Agent, shop: Shop, talk: Talk) -> None:
    """Tools by `agent.tool`, answers by `agent.respond`, the model's use by `agent.llm`."""
    tools = {"get_order": agent.tool(shop.get_order), "issue_refund": agent.tool(shop.issue_refund, effect="write")}

    async def call(name: str, given: dict[str, Any]) -> str:
        try:
            return str(await tools[name](**given))
        except Halted:
            raise
        except NotRecorded as error:
            return str(error.result)
        except GovernanceError as error:
            return f"Refused. Do not retry it. Tell the customer: {error.customer_message}"

    while not isinstance(turn := talk.next(), str):
        await agent.llm(f"openai/{MODEL}", {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS})
        talk.read = await asyncio.gather(*(call(name, given) for name, given in turn))
    await agent.llm(f"openai/{MODEL}", {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS})
    await agent.respond(turn)
    talk.said = turn


@asynccontextmanager
async def example_model(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A function, as the example calls it."""

    async def model(read: str) -> Any:
        turn = talk.next()
        return (None, turn) if isinstance(turn, str) else (turn[0][1], None)

    yield model


EXAMPLE = "plain"
CONVERSATIONS = {"plain": Conversation(converse)}
