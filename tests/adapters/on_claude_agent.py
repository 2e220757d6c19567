"""The scripted conversation on the Claude Agent SDK: the real `claude` program, with a scripted Messages API."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any
from unittest import mock

import pytest
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, create_sdk_mcp_server, query, tool
from mcp.types import ToolAnnotations

from handrail.adapters.claude_agent import Governed
from handrail.client import Agent
from tests.adapters.messages_api import PREFIX, scripted
from tests.adapters.shop import Shop
from tests.adapters.talk import Conversation, Talk

MODEL = "claude-sonnet-4-5"
TOOLS = ("get_order", "issue_refund")


def server(shop: Shop) -> Any:
    """The shop's tools as an MCP server in this process."""

    @tool("get_order", "Look up an order.", {"order_id": str}, annotations=ToolAnnotations(readOnlyHint=True))
    async def get_order(given: dict[str, Any]) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": str(await shop.get_order(**given))}]}

    @tool("issue_refund", "Give money back.", {"order_id": str, "amount": int})
    async def issue_refund(given: dict[str, Any]) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": str(await shop.issue_refund(**given))}]}

    return create_sdk_mcp_server("shop", tools=[get_order, issue_refund])


def environment(url: str) -> dict[str, str]:
    """What makes the program talk to the scripted API, and to nothing else."""
    return {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "scripted",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def options(shop: Shop, url: str, home: str) -> ClaudeAgentOptions:
    """Nothing of the machine's own settings; no tools but the shop's."""
    return ClaudeAgentOptions(
        mcp_servers={"shop": server(shop)},
        tools=[],
        allowed_tools=[PREFIX + name for name in TOOLS],
        setting_sources=[],
        model=MODEL,
        cwd=home,
        env=environment(url),
    )


@contextmanager
def home() -> Iterator[str]:
    """A home of its own for the program, and nothing else in its environment."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        mock.patch.dict(os.environ, {"PATH": os.environ["PATH"], "HOME": folder}, clear=True),
    ):
        yield folder


async def converse(agent: Agent, shop: Shop, talk: Talk) -> None:
    """With `query`."""
    with home() as folder:
        async with scripted(talk) as url, Governed(agent, options(shop, url, folder)) as shop_session:
            prompt = "Please help me with my order."
            async with aclosing(shop_session.told(query(prompt=prompt, options=shop_session.options))) as messages:
                async for message in messages:
                    if isinstance(message, ResultMessage):
                        talk.said = message.result


@asynccontextmanager
async def example_model(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A model's name; the program finds the scripted API in its environment."""
    with home() as folder:
        async with scripted(talk) as url:
            for name, value in environment(url).items():
                patch.setenv(name, value)
            patch.chdir(folder)
            yield MODEL


EXAMPLE = "claude"
CONVERSATIONS = {"claude-agent": Conversation(converse)}
