"""The calls of a session: each is asked for, made where that is allowed, and its outcome told."""

import asyncio
from collections.abc import Awaitable, Callable

from handrail.client import Halted, NeedsApproval, Permit
from handrail.client.running import Unfinished
from handrail.mcp.answers import refused
from handrail.mcp.call import NotAnswered, ToolsCall
from handrail.mcp.framing import END
from handrail.mcp.governor import Governor, Say
from handrail.mcp.message import INVALID, Malformed
from handrail.mcp.outcome import NOT_ANSWERED, Outcome, outcome_of
from handrail.mcp.requests import Requests
from handrail.mcp.server import ServerEnded
from handrail.mcp.server_messages import ServerResponse
from handrail.mcp.tools import Tools
from handrail.schemas.errors import HandrailError

CALLS_MAX = 256
HELD_BYTES_MAX = 50_000_000
CANCELLED_S = 5.0
ENDED = "the server ended before it answered"

Write = Callable[[bytes], Awaitable[None]]


class Calls:
    """Each in a task of its own, so that one that waits for a person holds up no other message.

    `abort` is called where one of them is broken; the error is in `broken` then.
    """

    def __init__(
        self, governor: Governor, tools: Tools, server: Write, client: Write, say: Say, abort: Callable[[], None]
    ) -> None:
        self._governor, self._tools, self._say, self._abort = governor, tools, say, abort
        self._server, self._client = server, client
        self._calls: set[ToolsCall] = set()
        self._client_left = False
        self.requests = Requests()
        self.halted = False
        self.broken: BaseException | None = None

    def begin(self, call: ToolsCall) -> None:
        """Ask for it. Raises Malformed where too many are under way, or hold too much."""
        held = sum(len(one.raw) for one in self._calls)
        if len(self._calls) >= CALLS_MAX or held + len(call.raw) > HELD_BYTES_MAX:
            raise Malformed(INVALID, f"{len(self._calls)} calls are under way already: wait for some of them", call.id)
        self._calls.add(call)
        call.task = asyncio.create_task(self._run(call), name=f"handrail mcp {call.asked.tool[:50]}")
        call.task.add_done_callback(self._done)

    async def cancel(self, call: ToolsCall) -> None:
        """The client wants no answer any more. One that was not sent is not made."""
        if not call.sent and call.task is not None:
            self.requests.not_made(call)
            call.task.cancel()
        else:
            why = "the client cancelled it, and the server did not answer"
            asyncio.get_running_loop().call_later(CANCELLED_S, call.lost, why)
        await self._dropped(call)

    async def client_left(self) -> None:
        """Nobody asks any more: what waits for a person is not made, what is being decided is."""
        self._client_left = True
        for call in [one for one in self._calls if one.waits and not one.sent]:
            await self.cancel(call)
        while undecided := [call for call in self._calls if not call.settled.is_set()]:
            await undecided[0].settled.wait()

    async def end(self, seconds_max: float) -> None:
        """The server has ended: what it was given and did not answer is told as an error."""
        for call in self._calls:
            if call.sent:
                call.lost(ENDED)
            elif call.task is not None:
                call.task.cancel()
        tasks = [call.task for call in self._calls if call.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds_max)
            for task in late:
                task.cancel()

    async def _run(self, call: ToolsCall) -> None:
        try:
            await self._reply(call, await self._decided(call))
        except asyncio.CancelledError:
            await self._dropped(call)
            raise
        except OSError:
            self._say(f"{call.asked.tool}: the client reads no answers any more")
        finally:
            call.forget()
            self._calls.discard(call)

    async def _decided(self, call: ToolsCall) -> ServerResponse | None:
        """What the client gets: the server's answer, or why it was not made."""
        try:
            return await self._made(call)
        except HandrailError as error:
            return self._refused(call, error)

    async def _made(self, call: ToolsCall) -> ServerResponse | None:
        """What the server answered to it, told to the log before. Raises HandrailError where it was not made."""
        permit = await self._governor.ask(call.asked, self._tools.effect(call.asked.tool), self._waiting(call))
        call.waits = False
        try:
            async with self._governor.admitted(permit, call.asked.tool):
                outcome, answer = await self._sent(call, permit)
        except (_Failed, _Unknown) as failed:
            outcome, answer = failed.outcome, failed.answer
        await self._governor.record_outcome(permit, outcome)
        return answer

    async def _sent(self, call: ToolsCall, permit: Permit | None) -> tuple[Outcome, ServerResponse | None]:
        """Raises _Failed and _Unknown, so that a gate around it knows."""
        if permit is not None:
            permit.check()
        raw = call.raw if call.raw.endswith(END) else call.raw + END
        call.begin()
        answer = None
        try:
            await self._server(raw)
            if call.id is None:
                outcome = Outcome(None, NOT_ANSWERED, unknown=True)
            else:
                answer = await call.answer()
                outcome = outcome_of(answer)
        except ServerEnded:
            outcome = Outcome(None, ENDED, unknown=True)
        except NotAnswered as error:
            outcome = Outcome(None, str(error), unknown=True)
        if outcome.unknown:
            raise _Unknown(outcome, answer)
        if outcome.error is not None:
            raise _Failed(outcome, answer)
        return outcome, answer

    def _waiting(self, call: ToolsCall) -> Callable[[NeedsApproval], None]:
        def waits(error: NeedsApproval) -> None:
            call.waits = True
            if self._client_left:
                raise error
            self._say(f"{error} (handoff {error.decision and error.decision.handoff_id})")

        return waits

    def _refused(self, call: ToolsCall, error: HandrailError) -> ServerResponse | None:
        self._say(f"{call.asked.tool}: not made: {error}")
        self.requests.not_made(call)
        self.halted = self.halted or isinstance(error, Halted)
        if call.id is None:
            return None
        asked = call.asked
        raw = refused(call.id, error, shaped=self._tools.is_shaped(asked.tool), typed=asked.typed)
        return ServerResponse(raw, {})

    async def _reply(self, call: ToolsCall, answer: ServerResponse | None) -> None:
        if call.batch is None:
            if answer is not None:
                await self._client(answer.raw if answer.raw.endswith(END) else answer.raw + END)
        elif answer is None:
            await self._dropped(call)
        else:
            batch, call.batch = call.batch, None
            await batch.add(answer.raw.strip())

    def _done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken = error
            self._abort()

    async def _dropped(self, call: ToolsCall) -> None:
        """Its batch waits for it no more."""
        if call.batch is not None and call.id is not None:
            batch, call.batch = call.batch, None
            await batch.drop()


class _Failed(Exception):
    def __init__(self, outcome: Outcome, answer: ServerResponse | None) -> None:
        self.outcome, self.answer = outcome, answer
        super().__init__(outcome.error)


class _Unknown(Unfinished):
    def __init__(self, outcome: Outcome, answer: ServerResponse | None) -> None:
        self.outcome, self.answer = outcome, answer
        super().__init__(outcome.error)
