"""A real MCP server that gives money back, a worker and a broker: what no rule can read, and one refund in nine."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from handrail.broker import EmbeddedBroker
from tests.bundles import written
from tests.workers import worker

pytestmark = pytest.mark.kafka

SERVER = [sys.executable, str(Path(__file__).parent / "shop_server.py")]
TOOLS = "tools: {issue_refund: {effect: write, fields: {refund_usd: arguments.order.amount}}}"
POLICY = """
id: p
name: P
rules:
  default_action: allow
  rules:
    - {id: high, condition: {field: refund_usd, operator: greater_than, value: 500}, action: block}
    - id: split
      condition: {sum: refund_usd, by: conversation, over: 24h, operator: greater_than, value: 500}
      action: block
"""


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker with a worker that decides by POLICY."""
    folder = tmp_path_factory.mktemp("refunds")
    policies = written(folder / "policies", p=POLICY, tools=TOOLS)
    with EmbeddedBroker() as broker, worker(broker.bootstrap, folder, "--policies", str(policies)):
        yield broker.bootstrap


def governed(bootstrap: str, conversation: str) -> StdioServerParameters:
    """The server behind `handrail mcp`."""
    options = ["--bootstrap", bootstrap, "--agent-id", "shop", "--conversation", conversation]
    command = [sys.executable, "-m", "handrail", "mcp", *options, "--", *SERVER]
    return StdioServerParameters(command=command[0], args=command[1:])


async def test_the_server_alone_reads_text_as_an_order() -> None:
    async with Client(StdioServerParameters(command=SERVER[0], args=SERVER[1:])) as client:
        answer = await client.call_tool("issue_refund", {"order": '{"amount": 900}'})
    assert [part.text for part in answer.content] == ["REFUNDED 900"]


@pytest.mark.parametrize("order", ['{"amount": 900}', ' {"amount": "900"}', [{"amount": 900}], None, {"Amount": 900}])
async def test_no_spelling_of_an_order_is_refunded_unread(bootstrap: str, order: Any) -> None:
    async with Client(governed(bootstrap, f"unread-{order}".replace(" ", ""))) as client:
        answer = await client.call_tool("issue_refund", {"order": order})
    assert answer.is_error is True
    assert answer.meta is not None
    assert answer.meta["handrail/decision"]["verdict"] == "block"


async def test_of_nine_small_refunds_at_once_five_are_given(bootstrap: str) -> None:
    async with Client(governed(bootstrap, "nine")) as client:
        calls = [client.call_tool("issue_refund", {"order": {"amount": 99}, "number": at}) for at in range(9)]
        answers = await asyncio.gather(*calls)
    assert sorted(answer.is_error is True for answer in answers) == [False] * 5 + [True] * 4
