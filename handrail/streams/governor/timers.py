"""When something is due: the deadlines of all conversations of a partition, the next one first."""

import heapq
from collections.abc import Callable

from handrail.streams.governor import state
from handrail.streams.governor.state import Conversation

Due = tuple[int, str]
"""(log time in milliseconds, conversation)"""


class Timers:
    """A queue of deadlines. What is queued twice, or in vain, does no harm."""

    def __init__(self) -> None:
        self._queue: list[Due] = []
        self._scheduled: dict[str, int] = {}

    @property
    def next_ms(self) -> int | None:
        """The log time at which something is due, None where nothing is."""
        return self._queue[0][0] if self._queue else None

    def schedule(self, name: str, head: Conversation) -> None:
        """Queue the conversation's next deadline."""
        if not (head.ended_ms or head.approvals or head.handoffs):  # nearly always
            return
        due = state.next_deadline_ms(head)
        if due and self._scheduled.get(name) != due:
            self.put((due, name))

    def put(self, due: Due) -> None:
        """Queue a deadline."""
        self._scheduled[due[1]] = due[0]
        heapq.heappush(self._queue, due)

    def pop(self, now_ms: int) -> Due | None:
        """The next deadline that has come, removed from the queue."""
        if not self._queue or self._queue[0][0] > now_ms:
            return None
        due = heapq.heappop(self._queue)
        if self._scheduled.get(due[1]) == due[0]:
            del self._scheduled[due[1]]
        return due

    def prune(self, now_ms: int, due_of: Callable[[str], int]) -> None:
        """Drop what was due by now and is no more, because somebody else has settled it.

        `due_of` gives the next deadline of a conversation, 0 where there is none.
        """
        still = []
        while (due := self.pop(now_ms)) is not None:
            if due_of(due[1]) == due[0]:
                still.append(due)
        for due in still:
            self.put(due)
