"""Observation: an agent reports everything and waits for nothing, before it is governed."""

import asyncio
import logging
import time
from contextlib import ExitStack, nullcontext, suppress

from aiokafka.errors import KafkaError

from handrail.client.answer import Answer, Permit
from handrail.client.client import Client
from handrail.client.connection import Connection
from handrail.client.enforcement import Question
from handrail.client.errors import NoDecision, reasons
from handrail.client.event import Event
from handrail.client.handback import Handback
from handrail.client.pending_decisions import DecisionInbox
from handrail.schemas.errors import HandrailError
from handrail.schemas.outputs import Decision

QUEUED_MAX = 1_000

log = logging.getLogger("handrail.client")

Later = asyncio.Future[Decision | None]
Work = tuple[Event, str, Later | None]


class Observing:
    """Events go through a queue of QUEUED_MAX to one task; those that do not fit, or do not arrive, are counted.

    Never raises for what Handrail or Kafka do. `timeout_s` bounds the wait for a decision, and the end.
    """

    def __init__(self, client: Client, conversation_id: str, timeout_s: float, enter: bool) -> None:
        self._client, self._conversation_id, self._timeout_s, self._enter = client, conversation_id, timeout_s, enter
        self._queue: asyncio.Queue[Work | None] = asyncio.Queue(QUEUED_MAX + 1)
        self._watching: set[asyncio.Task[None]] = set()
        self.lost = 0

    async def open(self) -> None:
        """Begin to connect, in the background."""
        self._task = asyncio.create_task(self._run(), name="handrail observing")

    async def close(self) -> None:
        """Wait until all events are recorded and decided, at most `timeout_s`."""
        self._queue.put_nowait(None)
        done, _ = await asyncio.wait([self._task], timeout=self._timeout_s)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self.lost:
            at = self._client.bootstrap
            log.warning("%s: %d events were not recorded by Kafka at %s", self._conversation_id, self.lost, at)

    async def publish(self, event: Event) -> None:
        """Queue the event."""
        self._put((event, "", None))

    async def ask(self, question: Question) -> Answer:
        """Queue the event; the decision comes later, if at all."""
        later: asyncio.Future[Decision | None] = asyncio.get_running_loop().create_future()
        self._put((question.event, question.kind, later))
        if question.call is None:
            return Answer(decision=None, later=later)
        return Permit(decision=None, later=later, call=question.call, use_before_s=None)

    async def decided(self, answer: Answer) -> Decision | None:
        """The decision; None where none came in time."""
        return await asyncio.shield(answer.later) if answer.later is not None else answer.decision

    async def returned(self, timeout_s: float | None) -> Handback | None:
        """None: an observed agent waits for nobody."""
        return None

    def _put(self, work: Work) -> None:
        if self._queue.qsize() < QUEUED_MAX and not self._task.done():
            self._queue.put_nowait(work)
        else:
            self._drop(work)

    def _drop(self, work: Work | None) -> None:
        if work is not None:
            self.lost += 1
            _settle(work[2], None)

    async def _run(self) -> None:
        try:
            async with self._client if self._enter else nullcontext():
                await self._client.renew()
                connection = self._client.connection
                partition = await connection.join(self._conversation_id, self._timeout_s)
                try:
                    await self._send_all(connection)
                finally:
                    connection.leave(partition)
        except (HandrailError, KafkaError, TimeoutError) as error:
            log.warning("%s: nothing more is recorded: %s", self._conversation_id, error)
        finally:
            for task in self._watching:
                task.cancel()
            while not self._queue.empty():
                self._drop(self._queue.get_nowait())

    async def _send_all(self, connection: Connection) -> None:
        while (work := await self._queue.get()) is not None:
            event, kind, later = work
            with ExitStack() as stack:
                try:
                    inbox = stack.enter_context(connection.expect(event)) if later else None
                    await connection.publish(event, time.monotonic() + self._timeout_s)
                except (NoDecision, KafkaError, TimeoutError) as error:
                    log.warning("%s: %s is not recorded: %s", self._conversation_id, event.type, error)
                    self._drop(work)
                    continue
                if inbox is not None and later is not None:
                    self._watch(stack.pop_all(), inbox, kind, later)
        if self._watching:
            await asyncio.wait(self._watching)

    def _watch(self, stack: ExitStack, inbox: DecisionInbox, kind: str, later: Later) -> None:
        task = asyncio.create_task(self._await_decision(stack, inbox, kind, later))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _await_decision(self, stack: ExitStack, inbox: DecisionInbox, kind: str, later: Later) -> None:
        """Settle the answer with its decision, and log one that would not have been allowed."""
        decision = None
        try:
            with stack, suppress(TimeoutError):
                decision = (await inbox.next(kind, time.monotonic() + self._timeout_s)).decision
        finally:
            _settle(later, decision)
        if decision is not None and decision.verdict != "allow":
            log.info("%s: would be answered %s: %s", self._conversation_id, decision.verdict, reasons(decision))


def _settle(later: Later | None, decision: Decision | None) -> None:
    if later is not None and not later.done():
        later.set_result(decision)
