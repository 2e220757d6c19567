"""One conversation of the demo: an agent that asks before it acts, and keeps to the answer."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from handrail.demo.wire import Wire
from handrail.schemas.clock import to_rfc3339

SOURCE = "/demo/shop-agent"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that was decided: what was tried, the decision, how long the agent waited for it."""

    tried: str
    decision: dict[str, Any]
    waited_ms: float


class Chat:
    """What a conversation can do. Every event is numbered, so that a run differs from its repetition."""

    def __init__(self, wire: Wire, conversation_id: str, agent_id: str = "shop-agent") -> None:
        self.wire, self.id, self.agent_id = wire, conversation_id, agent_id
        self.moments: list[Moment] = []
        self._unasked: list[tuple[str, asyncio.Future[dict[str, Any]]]] = []
        self._count = 0

    def story(self) -> list[Moment]:
        """All decisions in the order of the log, also those that the agent did not wait for."""
        halts = [Moment(tried, future.result(), 0.0) for tried, future in self._unasked if future.done()]
        return sorted(self.moments + halts, key=lambda moment: moment.decision["position"]["offset"])

    async def customer(self, text: str, tier: str = "standard") -> dict[str, Any]:
        """The customer writes; may the AI answer?"""
        customer = {"ref": f"cust-{self.id}", "tier": tier, "account": {"orders": 3}}
        event = self._event("query.received", text=text, channel="chat", customer=customer)
        return await self._ask(event, f"customer: {text}")

    async def asks_for_human(self) -> dict[str, Any]:
        """The customer presses the button."""
        return await self._ask(self._event("human.requested", channel="button"), "customer: (presses “human”)")

    async def thinks(self, model: str, tokens_in: int, tokens_out: int) -> None:
        """One LLM call that was made."""
        event = self._event(
            "llm.completed",
            model={"provider": "demo", "name": model},
            usage={"input_tokens": tokens_in, "output_tokens": tokens_out},
            latency_ms=420,
        )
        self._unasked.append((f"thinks with {model}", self.wire.expect(SOURCE, event["id"])))
        await self.wire.publish(event)

    async def acts(
        self, tool: str, arguments: dict[str, Any], result: dict[str, Any], wait: bool = True
    ) -> dict[str, Any]:
        """Propose an action; execute it only if it is allowed. With `wait` False the answer may come later."""
        self._count += 1
        action_id = f"a{self._count}"
        event = self._event("action.proposed", action_id=action_id, tool=tool, arguments=arguments)
        decision = await self._ask(event, f"{tool}({_shown(arguments)})")
        if decision["verdict"] == "allow":
            await self._executed(action_id, tool, arguments, result, decision["decision_id"])
        elif not wait:
            decision = {**decision, "then": (action_id, tool, arguments, result)}
        return decision

    async def acts_unasked(self, tool: str, arguments: dict[str, Any], result: dict[str, Any]) -> None:
        """What no agent should do."""
        self._count += 1
        await self._executed(f"a{self._count}", tool, arguments, result, None)

    async def human_answers(self, asked: dict[str, Any], outcome: str, note: str) -> None:
        """A colleague answers the approval that `asked` waits for; then the agent does what it may."""
        handoff_id, (action_id, tool, arguments, result) = asked["handoff_id"], asked["then"]
        released = self.wire.expect("release", handoff_id)
        resolution = {
            "handoff_id": handoff_id,
            "conversation_id": self.id,
            "outcome": outcome,
            "action_digest": asked["action_digest"],
            "by": {"id": "desk-7"},
            "at": to_rfc3339(int(time.time() * 1000)),
            "note": note,
            "handling_s": 95,
            "cost_usd": "1.10",
        }
        started = time.perf_counter()
        await self.wire.resolve(self._envelope("handrail.resolution.v1", "/demo/desk", resolution))
        decision = await self.wire.decided(released, self.id)
        self.moments.append(Moment(f"human: {outcome} {tool}({_shown(arguments)})", decision, _ms_since(started)))
        if decision["verdict"] == "allow":
            await self._executed(action_id, tool, arguments, result, decision["decision_id"])

    async def says(self, text: str, confidence: float) -> dict[str, Any]:
        """Propose an answer; send it only if it is allowed."""
        self._count += 1
        response_id = f"r{self._count}"
        event = self._event("response.proposed", response_id=response_id, text=text, confidence=confidence)
        decision = await self._ask(event, f"says: {text}")
        if decision["verdict"] == "allow":
            await self.wire.publish(self._event("message.sent", role="assistant", text=text, response_id=response_id))
        return decision

    async def ends(self, outcome: str, csat: int | None = None) -> None:
        """The conversation is over; maybe the customer answers the survey."""
        await self.wire.publish(self._event("execution.ended", outcome=outcome))
        if csat is not None:
            await self.wire.publish(self._event("feedback.received", csat=csat))

    async def _executed(
        self, action_id: str, tool: str, arguments: dict[str, Any], result: dict[str, Any], decision_id: str | None
    ) -> None:
        decision = {"decision_id": decision_id} if decision_id else {}
        await self.wire.publish(
            self._event(
                "action.executed",
                action_id=action_id,
                tool=tool,
                arguments=arguments,
                status="ok",
                result=result,
                **decision,
            )
        )

    async def _ask(self, event: dict[str, Any], tried: str) -> dict[str, Any]:
        waiting = self.wire.expect(SOURCE, event["id"])
        started = time.perf_counter()
        await self.wire.publish(event)
        decision = await self.wire.decided(waiting, self.id)
        self.moments.append(Moment(tried, decision, _ms_since(started)))
        return decision

    def _event(self, name: str, **data: Any) -> dict[str, Any]:
        common = {"agent_id": self.agent_id, "conversation_id": self.id, "execution_id": f"{self.id}/1"}
        return self._envelope(f"handrail.{name}.v1", SOURCE, {**common, **data})

    def _envelope(self, event_type: str, source: str, data: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        return {
            "specversion": "1.0",
            "id": f"{self.id}-{self._count}",
            "source": source,
            "type": event_type,
            "subject": self.id,
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": data,
        }


def _shown(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items())


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
