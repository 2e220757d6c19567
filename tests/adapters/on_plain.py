"""The scripted conversation in a loop of one's own: plain Python needs no adapter."""

import asyncio
from typing import Any

from handrail.client import Agent, GovernanceError, Halted, NotRecorded
from tests.adapters.shop import Shop
from tests.adapters.talk import INPUT_TOKENS, MODEL, OUTPUT_TOKENS, Talk


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
