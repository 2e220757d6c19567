"""The decisions that are waited for. One more than `waiting_max` at a time is refused, not queued."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from handrail.client.errors import NoDecision
from handrail.schemas.outputs import Decision

WAITING_MAX = 1024
UNREAD_MAX = 16  # unread decisions of one proposal; a governor sends two or three


@dataclass(frozen=True, slots=True)
class Arrival:
    """A decision, when it was made (milliseconds of the log), when it was read (seconds of `time.monotonic`).

    `record` is the CloudEvent that it came in.
    """

    decision: Decision
    made_ms: int
    read_s: float
    record: Mapping[str, Any]


class DecisionInbox:
    """The decisions on one proposal, as they arrive."""

    def __init__(self, source: str, event_id: str, conversation_id: str) -> None:
        self.identity, self.conversation_id = (source, event_id), conversation_id
        self.handoffs: set[str] = set()
        self._arrived: deque[Arrival] = deque(maxlen=UNREAD_MAX)
        self._delivered_ids: set[str] = set()
        self._arrival_event = asyncio.Event()
        self._failed = ""

    def fail(self, why: str) -> None:
        """Nothing more arrives."""
        self._failed = why
        self._arrival_event.set()

    def deliver(self, arrival: Arrival) -> None:
        """Add a decision; the same one again changes nothing."""
        if arrival.decision.decision_id not in self._delivered_ids and len(self._delivered_ids) < UNREAD_MAX:
            self._delivered_ids.add(arrival.decision.decision_id)
            self._arrived.append(arrival)
            self._arrival_event.set()

    async def next(self, kind: str, until_s: float) -> Arrival:
        """The next decision of this kind.

        Raises TimeoutError at `until_s` (seconds of `time.monotonic`), NoDecision where none can come any more.
        """
        async with asyncio.timeout(max(0.0, until_s - time.monotonic())):
            while True:
                while self._arrived:
                    arrival = self._arrived.popleft()
                    if arrival.decision.kind == kind:
                        return arrival
                if self._failed:
                    raise NoDecision(f"{self.conversation_id}: {self._failed}")
                self._arrival_event.clear()
                await self._arrival_event.wait()


class PendingDecisions:
    """All inboxes of one connection."""

    def __init__(self, waiting_max: int) -> None:
        self._max = waiting_max
        self._by_identity: dict[tuple[str, str], DecisionInbox] = {}
        self._by_handoff: dict[str, set[DecisionInbox]] = {}
        self._conversations: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._by_identity)

    @contextmanager
    def expect(self, source: str, event_id: str, conversation_id: str) -> Iterator[DecisionInbox]:
        """Decisions on this event are kept while the block lasts. Raises NoDecision where too many wait already."""
        if len(self) >= self._max:
            raise NoDecision(f"{self._max} decisions are waited for already: ask less at a time, or raise waiting_max")
        inbox = DecisionInbox(source, event_id, conversation_id)
        if self._by_identity.setdefault(inbox.identity, inbox) is not inbox:
            raise NoDecision(f"event {event_id} is waited for already: give each action an id of its own")
        self._conversations[conversation_id.encode()] += 1
        try:
            yield inbox
        finally:
            self._forget(inbox)

    def fail(self, why: str) -> None:
        """Fail all inboxes: no decision comes any more."""
        for inbox in self._by_identity.values():
            inbox.fail(why)

    def is_pending(self, key: bytes | None) -> bool:
        """Whether a decision of this conversation is waited for."""
        return key in self._conversations

    def deliver(self, arrival: Arrival) -> None:
        """Deliver a decision to the inboxes that wait for it.

        A proposal of a call that waits for approval already gets the handoff of that approval; its release names the
        first proposal only, so the release is matched by the handoff.
        """
        decision = arrival.decision
        addressed = self._by_identity.get((decision.for_.source, decision.for_.id))
        inboxes = set(self._by_handoff.get(decision.handoff_id or "", ())) if decision.kind == "release" else set()
        if addressed is not None and addressed.conversation_id == decision.conversation_id:
            inboxes.add(addressed)
        for inbox in inboxes:
            if decision.verdict == "require_approval" and decision.handoff_id:
                inbox.handoffs.add(decision.handoff_id)
                self._by_handoff.setdefault(decision.handoff_id, set()).add(inbox)
            inbox.deliver(arrival)

    def _forget(self, inbox: DecisionInbox) -> None:
        del self._by_identity[inbox.identity]
        for handoff_id in inbox.handoffs:
            self._by_handoff[handoff_id].discard(inbox)
            if not self._by_handoff[handoff_id]:
                del self._by_handoff[handoff_id]
        key = inbox.conversation_id.encode()
        self._conversations[key] -= 1
        if not self._conversations[key]:
            del self._conversations[key]
