"""A Handrail inside the test: what an agent publishes is folded at once, and the decisions come back."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from aiokafka.errors import KafkaTimeoutError

from handrail.client import Agent
from handrail.client.event import Event
from handrail.client.handback import Handback, HandbackTracker
from handrail.client.pending_decisions import WAITING_MAX, Arrival, DecisionInbox, PendingDecisions
from handrail.policies import Bundle
from handrail.schemas.clock import to_ms
from handrail.schemas.decode import decode_output
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.replay import shown
from tests.bundles import refunds
from tests.log import Log

Decided = dict[str, Any]


class Governor:
    """Stands for a Client and its Connection. One second of the log passes with each record.

    `changed` may alter the data of a decision on its way, or drop it (None); `away` makes Kafka refuse.
    """

    bootstrap = "127.0.0.1:9092"

    def __init__(self, bundle: Bundle | None = None, waiting_max: int = WAITING_MAX) -> None:
        in_force = bundle or refunds()
        self._fold = PartitionFold(0, None, {in_force.ruleset: in_force}, in_force.ruleset)
        self._pending = PendingDecisions(waiting_max)
        self.log = Log()
        self.events: list[dict[str, Any]] = []
        self.handoffs: list[dict[str, Any]] = []
        self.people: list[dict[str, Any]] = []
        self.changed: Callable[[Decided], Decided | None] = lambda decided: decided
        self.away = False
        self.asked = lambda: None

    @property
    def connection(self) -> "Governor":
        return self

    async def renew(self) -> None:
        """There is one log."""

    def agent(self, conversation: str = "conv-1", agent_id: str = "refunds", **options: Any) -> Agent:
        """An agent that speaks to this governor."""
        return Agent(agent_id, conversation=conversation, client=self, **{"timeout_s": 0.05, **options})  # type: ignore[arg-type]

    async def join(self, conversation_id: str, timeout_s: float) -> int:
        return 0

    def leave(self, partition: int) -> None: ...

    @contextmanager
    def expect(self, event: Event) -> Iterator[DecisionInbox]:
        with self._pending.expect(event.source, event.id, event.conversation_id) as expected:
            yield expected

    async def publish(self, event: Event, until_s: float) -> None:
        if self.away:
            raise KafkaTimeoutError
        self.events.append(orjson.loads(event.value))
        self.log.raw(event.conversation_id.encode(), event.value)
        self._settle()

    def resolves(self, outcome: str, handoff: dict[str, Any] | None = None, **more: Any) -> None:
        """A person answers this handoff, the latest by default."""
        self.log.resolves(handoff or self.handoffs[-1], outcome, **more)
        copied = orjson.loads(self.log.records[-1].value or b"")["data"]
        self.people.append({"type": copied["type"], "data": copied["resolution"]})
        self._settle()

    async def handback(
        self, conversation_id: str, handoffs: Collection[str], since_ms: int, until_s: float
    ) -> Handback | None:
        if self.away:
            raise KafkaTimeoutError
        tracker = HandbackTracker(handoffs)
        for event in self.people:
            tracker.take(event)
        return tracker.handback

    def published(self, name: str) -> list[dict[str, Any]]:
        """The data of all events of a type that were published."""
        return [event["data"] for event in self.events if event["type"] == f"handrail.{name}.v1"]

    def _settle(self) -> None:
        for output in self._fold.fold(self.log.records[-1:]).outputs:
            record = shown(output)
            if record["type"] == "handrail.handoff.v1":
                self.handoffs.append(record["data"])
            elif record["type"] == "handrail.handoff.closed.v1":
                self.people.append(record)
            elif record["type"] == "handrail.decision.v1" and (data := self.changed(record["data"])) is not None:
                raw, event = decode_output(orjson.dumps({**record, "data": data}))
                self._pending.deliver(Arrival(event.data, to_ms(event.time), time.monotonic(), raw))


async def until(true: Any, seconds_max: float = 5) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds_max):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
