"""Agents of a run: they ask through the client SDK, act only when allowed, and keep what they were told."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from handrail.client import Agent, Client, Decision, GovernanceError, Halted, Permit

TIMEOUT_S = 6.0
APPROVAL_TIMEOUT_S = 8.0
QUERIES = ("Where is my parcel?", "I want my money back", "I want to talk to a human", "Change my address please")
AMOUNTS = (40, 90, 250, 900)


@dataclass
class Heard:
    """What came back to the agents: how each question ended, every decision, every call that was made."""

    outcomes: Counter[str] = field(default_factory=Counter)
    decisions: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> (conversation, verdict)
    ran: dict[str, str] = field(default_factory=dict)  # action id -> id of the decision that allowed it

    def of(self, decision: Decision | None, outcome: str) -> None:
        """One question is over."""
        self.outcomes[outcome] += 1
        if decision is not None:
            self.decisions[decision.decision_id] = (decision.conversation_id, decision.verdict)


class Agents:
    """Some agents at a time, one conversation after the other, until told to stop."""

    def __init__(self, bootstrap: str, seed: int, count: int, pause_s: float) -> None:
        self._bootstrap, self._seed, self._count, self._pause_s = bootstrap, seed, count, pause_s
        self.heard = Heard()
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Until `stop` is set and every conversation is over."""
        async with Client(self._bootstrap) as client:
            await asyncio.gather(*(self._one(client, number) for number in range(self._count)))

    async def _one(self, client: Client, number: int) -> None:
        dice = random.Random(f"{self._seed}/{number}")
        talks = 0
        while not self.stop.is_set():
            talks += 1
            try:
                await self._talk(client, f"chat-{self._seed}-{number}-{talks}", dice)
            except GovernanceError as error:
                self.heard.of(error.decision, type(error).__name__)
                await asyncio.sleep(self._pause_s)

    async def _talk(self, client: Client, name: str, dice: random.Random) -> None:
        agent = Agent(
            "shop",
            conversation=name,
            client=client,
            timeout_s=TIMEOUT_S,
            approval_timeout_s=APPROVAL_TIMEOUT_S,
            customer={"ref": f"cust-{dice.randrange(50)}"},
        )
        async with agent:
            answer = await agent.route(dice.choice(QUERIES))
            self.heard.of(answer.decision, "answered")
            for step in range(dice.randrange(2, 6)):
                if self.stop.is_set():
                    return
                await self._step(agent, step, dice)
                await asyncio.sleep(self._pause_s)
            await agent.respond(f"It is done, {name}.", confidence=dice.choice((0.3, 0.9)))
            await agent.ended("resolved")

    async def _step(self, agent: Agent, step: int, dice: random.Random) -> None:
        try:
            if dice.random() < 0.4:
                permit = await agent.propose("issue_refund", {"order_id": step, "amount": dice.choice(AMOUNTS)})
            else:
                permit = await agent.propose("get_order", {"order_id": dice.randrange(3)})
        except Halted:
            raise
        except GovernanceError as error:
            self.heard.of(error.decision, type(error).__name__)
            return
        await self._act(agent, permit, step)

    async def _act(self, agent: Agent, permit: Permit, step: int) -> None:
        assert permit.decision is not None
        self.heard.of(permit.decision, "answered")
        self.heard.ran[permit.action_id] = permit.decision.decision_id
        await agent.executed(permit, {"total": step})
