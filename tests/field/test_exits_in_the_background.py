"""BlockingAgent runs async tools on one loop for the whole process: no tool may end it under all other agents."""

import asyncio
from pathlib import Path

import pytest

from handrail.client import BlockingAgent
from tests.workers import worker

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt, GeneratorExit, StopAsyncIteration])
def test_a_tool_that_exits_ends_no_other_agent(embedded: str, tmp_path: Path, end: type[BaseException]) -> None:
    with worker(embedded, tmp_path), BlockingAgent("shop", conversation="c1", bootstrap=embedded, timeout_s=5) as agent:

        @agent.tool(name="exits")
        async def exits(number: int) -> None:
            await asyncio.sleep(0)
            raise end

        with pytest.raises((end, RuntimeError)):
            exits(1)
        with BlockingAgent("shop", conversation="c2", bootstrap=embedded, timeout_s=5) as other:
            assert other.propose("get_order", {"order_id": 1}).allowed

            @other.tool
            def get_order(order_id: int) -> object:
                return (order_id + one for one in range(2))

            assert get_order(1) == [1, 2]
