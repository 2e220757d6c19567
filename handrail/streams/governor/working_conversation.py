"""One conversation being worked on within a batch.

It holds the decoded head and the entries that came new. The batch's overlay keeps them; when all of the batch is
folded, each that was touched turns into writes for the changelog. Until then nothing stored has changed.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from handrail.streams.governor import entries, replay_guard, state
from handrail.streams.governor.entries import ENTRIES_MAX, Entry
from handrail.streams.governor.state import Conversation, Execution

EXECUTIONS_MAX = 16
ENDED_MAX = 64  # ended executions remembered beyond those, 8 bytes each: an ended execution stays ended
CUSTOMER_BYTES_MAX = 64_000
SEALED_MAX = replay_guard.REMEMBERED * replay_guard.ENTRY // replay_guard.BLOCK
CUSTOMER, GOAL, UNKNOWN_CALLS = "customer", "goal", "unknown"
CALLS = 2**10  # of unknown cost, that one execution counts: see cost.py


class WorkingConversation:
    """The working copy of one conversation.

    `stored` is what the changelog holds of its entries, by number; `added` are the new ones.

    Parts are what a head needs now and then: each is written once under a number of its own, and the head names it. A
    part that changes gets another number, so that a head and its parts always fit, wherever a worker was killed.
    """

    __slots__ = (
        "_guard",
        "added",
        "customer_read",
        "head",
        "id",
        "key",
        "live_bytes",
        "new_parts",
        "quoted",
        "stored",
        "stored_parts",
    )

    def __init__(
        self, conversation_id: str, head: Conversation, stored: Mapping[int, bytes], stored_parts: Mapping[int, bytes]
    ) -> None:
        self.id = conversation_id
        self.key, self.quoted = conversation_id.encode(), orjson.dumps(conversation_id)  # as outputs have it
        self.head = head
        self.stored, self.stored_parts = stored, stored_parts
        self.added: dict[int, bytes] = {}
        self.new_parts: dict[int, bytes] = {}
        self.customer_read: dict[str, Any] | None = None
        self.live_bytes = 0  # by estimate, see live_conversations.py
        self._guard: bytes | None = None

    def committed(self, stored: Mapping[int, bytes], stored_parts: Mapping[int, bytes]) -> None:
        """Mark what was new as stored. The customer's data may be large, so it is read again when needed."""
        self.stored, self.stored_parts, self.customer_read = stored, stored_parts, None
        if self.added:
            self.added = {}
        if self.new_parts:
            self.new_parts = {}

    def rest(self) -> None:
        """Forget all but what remains of a conversation that is over."""
        if not state.is_rested(self.head):
            self.head = state.rested(self.head)
            self._guard, self.customer_read = None, None

    def part(self, name: str) -> Any:
        """The decoded part of the head; there must be one."""
        return msgspec.msgpack.decode(self._part(self.head.parts[name]))

    def put(self, name: str, value: Any) -> None:
        """Keep a part (anything MessagePack holds)."""
        self.head.parts = {**self.head.parts, name: self._new_part(msgspec.msgpack.encode(value))}

    def drop(self, name: str) -> None:
        """Forget a part of the head."""
        self.head.parts = {part: number for part, number in self.head.parts.items() if part != name}

    def _part(self, number: int) -> bytes:
        part = self.new_parts.get(number)
        return self.stored_parts[number] if part is None else part

    def _new_part(self, value: bytes) -> int:
        number = self.head.parts_next
        self.head.parts_next += 1
        self.new_parts[number] = value
        return number

    @property
    def guard(self) -> bytes:
        """The last 64 identities (replay_guard.py)."""
        head = self.head
        if not head.sealed:
            return head.guard
        if self._guard is None:
            blocks = b"".join(map(self._part, head.sealed))
            self._guard = (blocks + head.guard)[-replay_guard.REMEMBERED * replay_guard.ENTRY :]
        return self._guard

    def remember(self, entry: bytes, answer: int, ends_ms: int = 0) -> None:
        """One more identity; a full block leaves the head."""
        head = self.head
        if self._guard is not None:
            self._guard = replay_guard.remember(self._guard, entry, answer, ends_ms)
        head.guard = replay_guard.remember(head.guard, entry, answer, ends_ms)
        if len(head.guard) == replay_guard.BLOCK:
            sealed = head.sealed[-SEALED_MAX + 1 :]
            head.sealed, head.guard = [*sealed, self._new_part(head.guard)], b""

    def add(self, entry: Entry) -> None:
        """Append an entry; the oldest leaves when there are ENTRIES_MAX."""
        head = self.head
        self.added[head.entries_next] = entries.encode(entry)
        head.entries_next += 1
        if head.entries_next - head.entries_first > ENTRIES_MAX:
            head.entries_first += 1

    def entries(self) -> list[Entry]:
        """All entries kept, oldest first."""
        read = []
        for number in range(self.head.entries_first, self.head.entries_next):
            raw = self.added.get(number) or self.stored.get(number)
            if raw is not None:
                read.append(entries.decode(raw))
        return read

    @property
    def customer(self) -> dict[str, Any]:
        """What is known of the customer; do not change it in place."""
        if self.customer_read is None:
            self.customer_read = self.part(CUSTOMER) if CUSTOMER in self.head.parts else {}
        return self.customer_read

    def learn_customer(self, new: Mapping[str, Any]) -> None:
        """Later keys win; `account` is merged key by key. What would exceed the bound is not kept."""
        known = self.customer
        merged = {**known, **new}
        if isinstance(known.get("account"), dict) and isinstance(new.get("account"), dict):
            merged["account"] = {**known["account"], **new["account"]}
        if merged != known and len(msgspec.msgpack.encode(merged)) <= CUSTOMER_BYTES_MAX:
            self.put(CUSTOMER, merged)
            self.customer_read = merged

    @property
    def route(self) -> int:
        """Who answers now, as an index of ROUTES: a human while one owns the conversation."""
        return 2 if self.head.owned else self.head.route

    @property
    def goal(self) -> str | None:
        """What the execution is for, as the agent put it."""
        return self.part(GOAL) if GOAL in self.head.parts else None

    @property
    def unknown_calls_before(self) -> int:
        """Calls of unknown cost of executions that left (cost.py)."""
        count: int = self.part(UNKNOWN_CALLS) if UNKNOWN_CALLS in self.head.parts else 0
        return count

    def known_execution(self, execution_id: str, now_ms: int) -> Execution:
        """The execution of that id; one that is not known is not kept."""
        matches = (execution for execution in self.head.executions if execution.id == execution_id)
        return next(matches, None) or Execution(execution_id, now_ms)

    def execution(self, execution_id: str, agent_id: str, now_ms: int) -> Execution:
        """The execution of that id, begun now where it is new; the oldest ended one leaves beyond EXECUTIONS_MAX."""
        executions = self.head.executions
        for execution in executions:
            if execution.id == execution_id:
                return execution
        if len(executions) >= EXECUTIONS_MAX:
            gone = next((e for e in executions if e.ended), executions[0])
            executions.remove(gone)
            if gone.unknown:
                self.put(UNKNOWN_CALLS, self.unknown_calls_before + gone.unknown % CALLS)
            if gone.ended:
                self.head.ended = (self.head.ended + _short(gone.id))[-ENDED_MAX * 8 :]
        execution = Execution(execution_id, now_ms, agent_id, ended=_short(execution_id) in self.head.ended)
        executions.append(execution)
        self.head.ended_ms = 0
        return execution


def _short(execution_id: str) -> bytes:
    return sha256(execution_id.encode()).digest()[:8]
