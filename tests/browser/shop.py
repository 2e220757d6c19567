"""An agent that waits for people, and what lies on the log afterwards."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from handrail.client import Agent, Blocked, NeedsApproval
from handrail.client.answer import Permit
from handrail.desk import wire
from handrail.streams.engine.reading import scan

CUSTOMER = {"ref": "cust-17", "tier": "gold", "contact": {"email": "cust-17@example.com"}, "account": {"orders": 3}}
MUG = "My mug arrived broken. I want my money back."


@dataclass(frozen=True, slots=True)
class Waiting:
    """An action that waits: its handoff, its conversation, and the agent's task, which ends with the answer."""

    handoff_id: str
    conversation: str
    answer: "asyncio.Task[Permit]"


@asynccontextmanager
async def proposing(bootstrap: str, tool: str, amount: int, words: str = MUG) -> AsyncIterator[Waiting]:
    """An agent proposes, learns that it needs approval, and waits for it."""
    conversation = f"conv-{uuid4().hex[:12]}"
    async with Agent(
        "shop", conversation=conversation, customer=CUSTOMER, bootstrap=bootstrap, channel="chat"
    ) as agent:
        await agent.route(words)
        order = await agent.propose("get_order", {"order_id": "#W1"})
        await agent.executed(order, {"total": amount, "delivered": True})
        call = {"order_id": "#W1", "amount": amount}
        try:
            await agent.propose(tool, call, wait_approval=False)
            raise AssertionError("it was allowed")
        except NeedsApproval as waits:
            decision = waits.decision
        again = agent.propose(tool, call, action_id=decision.action_id)
        answer = asyncio.create_task(again)
        try:
            yield Waiting(str(decision.handoff_id), conversation, answer)
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)


async def writes(bootstrap: str, conversation: str, text: str) -> None:
    """The customer writes, while the agent waits."""
    async with Agent("shop", conversation=conversation, bootstrap=bootstrap, channel="chat") as agent:
        await agent.route(text)


async def denied(waiting: Waiting) -> Blocked:
    """What the agent is told."""
    try:
        await asyncio.wait_for(waiting.answer, 20)
    except Blocked as blocked:
        return blocked
    raise AssertionError("it was allowed")


async def asking(bootstrap: str, words: str = "I want to speak to a human, please.") -> str:
    """A customer who asks for a person; the id of the handoff."""
    conversation = f"conv-{uuid4().hex[:12]}"
    async with Agent("shop", conversation=conversation, customer=CUSTOMER, bootstrap=bootstrap) as agent:
        await agent.route(words)
    handoffs = await wire.read(bootstrap, conversation)
    return handoffs.find(conversation).id


async def on_log(bootstrap: str, topic: str, **wanted: str) -> list[dict[str, Any]]:
    """The events of a topic whose data has these values, in the order of each partition."""
    events = []
    async for record in scan(bootstrap, (topic,)):
        event = json.loads(record.value)
        if all(event["data"].get(name) == value for name, value in wanted.items()):
            events.append(event)
    return events
