"""Tell everything and wait for nothing: how an agent is watched before it is governed."""

import asyncio
import logging
import time
from contextlib import ExitStack, nullcontext, suppress

from aiokafka.errors import KafkaError

from handrail.client.answer import Answer, Permit
from handrail.client.asking import Question
from handrail.client.client import Client
from handrail.client.connection import Connection
from handrail.client.errors import NoDecision, reasons
from handrail.client.event import Event
from handrail.client.handback import Handback
from handrail.client.waiting import Expected
from handrail.schemas.errors import HandrailError
from handrail.schemas.outputs import Decision

WAITING_MAX = 1_000

log = logging.getLogger("handrail.client")

Later = asyncio.Future[Decision | None]
Work = tuple[Event, str, Later | None]


class Observing:
    """Events go through a queue of WAITING_MAX to one task; what does not fit, or does not arrive, is counted.

    Never raises for what Handrail or Kafka do. `timeout_s` bounds the wait for a decision, and the end.
    """

    def __init__(self, client: Client, conversation_id: str, timeout_s: float, enter: bool) -> None:
        self._client, self._conversation_id, self._timeout_s, self._enter = client, conversation_id, timeout_s, enter
        self._queue: asyncio.Queue[Work | None] = asyncio.Queue(WAITING_MAX + 1)
        self._watching: set[asyncio.Task[None]] = set()
        self.lost = 0

    async def open(self) -> None:
        """Begin to connect, in the background."""
        self._task = asyncio.create_task(self._run(), name="handrail observing")

    async def close(self) -> None:
        """Wait until all is told and decided, at most `timeout_s`."""
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
        """What was decided; None where nothing was in time."""
        return await asyncio.shield(answer.later) if answer.later is not None else answer.decision

    async def returned(self, timeout_s: float | None) -> Handback | None:
        """Nobody is waited for."""
        return None

    def _put(self, work: Work) -> None:
        if self._queue.qsize() < WAITING_MAX and not self._task.done():
            self._queue.put_nowait(work)
        else:
            self._lose(work)

    def _lose(self, work: Work | None) -> None:
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
                self._lose(self._queue.get_nowait())

    async def _send_all(self, connection: Connection) -> None:
        while (work := await self._queue.get()) is not None:
            event, kind, later = work
            with ExitStack() as stack:
                try:
                    expected = stack.enter_context(connection.expect(event)) if later else None
                    await connection.publish(event, time.monotonic() + self._timeout_s)
                except (NoDecision, KafkaError, TimeoutError) as error:
                    log.warning("%s: %s is not recorded: %s", self._conversation_id, event.type, error)
                    self._lose(work)
                    continue
                if expected is not None and later is not None:
                    self._watch(stack.pop_all(), expected, kind, later)
        if self._watching:
            await asyncio.wait(self._watching)

    def _watch(self, stack: ExitStack, expected: Expected, kind: str, later: Later) -> None:
        task = asyncio.create_task(self._seen(stack, expected, kind, later))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _seen(self, stack: ExitStack, expected: Expected, kind: str, later: Later) -> None:
        """Keep the decision, and log what would not have been allowed."""
        decision = None
        try:
            with stack, suppress(TimeoutError):
                decision = (await expected.next(kind, time.monotonic() + self._timeout_s)).decision
        finally:
            _settle(later, decision)
        if decision is not None and decision.verdict != "allow":
            log.info("%s: would be answered %s: %s", self._conversation_id, decision.verdict, reasons(decision))


def _settle(later: Later | None, decision: Decision | None) -> None:
    if later is not None and not later.done():
        later.set_result(decision)
