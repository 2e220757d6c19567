"""Who waits for which decision. One decision more than `waiting_max` at a time is refused, not queued."""

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
KEPT_MAX = 16  # decisions of one proposal that nobody has looked at yet; a governor sends two or three


@dataclass(frozen=True, slots=True)
class Arrival:
    """A decision, when it was made (milliseconds of the log), when it was read (seconds of `time.monotonic`).

    `record` is the CloudEvent that it came in.
    """

    decision: Decision
    made_ms: int
    read_s: float
    record: Mapping[str, Any]


class Expected:
    """The decisions on one proposal, as they arrive."""

    def __init__(self, source: str, event_id: str, conversation_id: str) -> None:
        self.identity, self.conversation_id = (source, event_id), conversation_id
        self.handoffs: set[str] = set()
        self._arrived: deque[Arrival] = deque(maxlen=KEPT_MAX)
        self._seen: set[str] = set()
        self._news = asyncio.Event()
        self._failed = ""

    def fail(self, why: str) -> None:
        """Nothing more arrives."""
        self._failed = why
        self._news.set()

    def arrive(self, arrival: Arrival) -> None:
        """One decision; the same one again changes nothing."""
        if arrival.decision.decision_id not in self._seen and len(self._seen) < KEPT_MAX:
            self._seen.add(arrival.decision.decision_id)
            self._arrived.append(arrival)
            self._news.set()

    async def next(self, kind: str, until_s: float) -> Arrival:
        """The next decision of this kind.

        Raises TimeoutError at `until_s` (seconds of `time.monotonic`), NoDecision where none can come any more.
        """
        async with asyncio.timeout(max(0.0, until_s - time.monotonic())):
            while True:
                while self._arrived:
                    found = self._arrived.popleft()
                    if found.decision.kind == kind:
                        return found
                if self._failed:
                    raise NoDecision(f"{self.conversation_id}: {self._failed}")
                self._news.clear()
                await self._news.wait()


class Waiting:
    """All that is waited for on one connection."""

    def __init__(self, waiting_max: int) -> None:
        self._max = waiting_max
        self._by_identity: dict[tuple[str, str], Expected] = {}
        self._by_handoff: dict[str, set[Expected]] = {}
        self._conversations: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._by_identity)

    @contextmanager
    def expect(self, source: str, event_id: str, conversation_id: str) -> Iterator[Expected]:
        """Decisions on this event are kept while the block lasts. Raises NoDecision where too many wait already."""
        if len(self) >= self._max:
            raise NoDecision(f"{self._max} decisions are waited for already: ask less at a time, or raise waiting_max")
        expected = Expected(source, event_id, conversation_id)
        if self._by_identity.setdefault(expected.identity, expected) is not expected:
            raise NoDecision(f"event {event_id} is waited for already: give each action an id of its own")
        self._conversations[conversation_id.encode()] += 1
        try:
            yield expected
        finally:
            self._forget(expected)

    def fail(self, why: str) -> None:
        """Nobody who waits gets anything any more."""
        for expected in self._by_identity.values():
            expected.fail(why)

    def wanted(self, key: bytes | None) -> bool:
        """Whether anybody waits for something of this conversation."""
        return key in self._conversations

    def arrive(self, arrival: Arrival) -> None:
        """Give a decision to those who wait for it.

        Who proposed a call that waits for approval already got that one's handoff; its release names the first
        proposal only, so it is found by the handoff.
        """
        decision = arrival.decision
        expected = self._by_identity.get((decision.for_.source, decision.for_.id))
        waiting = set(self._by_handoff.get(decision.handoff_id or "", ())) if decision.kind == "release" else set()
        if expected is not None and expected.conversation_id == decision.conversation_id:
            waiting.add(expected)
        for one in waiting:
            if decision.verdict == "require_approval" and decision.handoff_id:
                one.handoffs.add(decision.handoff_id)
                self._by_handoff.setdefault(decision.handoff_id, set()).add(one)
            one.arrive(arrival)

    def _forget(self, expected: Expected) -> None:
        del self._by_identity[expected.identity]
        for handoff_id in expected.handoffs:
            self._by_handoff[handoff_id].discard(expected)
            if not self._by_handoff[handoff_id]:
                del self._by_handoff[handoff_id]
        key = expected.conversation_id.encode()
        self._conversations[key] -= 1
        if not self._conversations[key]:
            del self._conversations[key]
